// JPEG decoding with libjpeg-turbo. libjpeg reports errors through error_exit, which jumps out, so
// every function that calls it keeps no object with a destructor on its stack.
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <jpeglib.h>
// After jpeglib.h, whose types it needs.
#include <jerror.h>

#include "image/codecs.h"
#include "image/exif.h"

namespace octoscale {
namespace {

// A progressive file may ask for any number of passes over the picture, each a few bytes long.
constexpr int kScansMax = 200;

class JpegReader {
 public:
  explicit JpegReader(std::span<const uint8_t> bytes) : bytes_(bytes) {
    info_.err = jpeg_std_error(&errors_);
    info_.client_data = this;
    errors_.error_exit = OnError;
    errors_.emit_message = OnMessage;
    progress_.progress_monitor = OnProgress;
    created_ = TryCreate();
  }
  ~JpegReader() { jpeg_destroy_decompress(&info_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  Status ReadHeader(const ImageLimits& limits);
  Status Start() { return TryStart() ? OkStatus() : Failure(); }
  Status ReadRow(uint8_t* row) { return TryReadRow(row) ? OkStatus() : Failure(); }
  Status Finish() { return TryFinish() ? OkStatus() : Failure(); }

  FrameSize stored_size() const {
    return {static_cast<int>(info_.image_width), static_cast<int>(info_.image_height)};
  }
  bool cmyk() const { return info_.out_color_space == JCS_CMYK; }
  // Adobe's programs store CMYK inverted, and say so with their marker.
  bool inverted() const { return info_.saw_Adobe_marker; }
  int orientation() const;
  std::vector<uint8_t> IccProfile();

 private:
  static JpegReader& Self(j_common_ptr info) {
    return *static_cast<JpegReader*>(info->client_data);
  }
  [[noreturn]] static void OnError(j_common_ptr info) {
    JpegReader& reader = Self(info);
    info->err->format_message(info, reader.message_);
    reader.code_ = info->err->msg_code;
    longjmp(reader.jump_, 1);
  }
  // libjpeg fills what is missing with grey and goes on; that is an error here.
  static void OnMessage(j_common_ptr info, int level) {
    const int code = info->err->msg_code;
    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER ||
                      code == JWRN_HUFF_BAD_CODE || code == JWRN_MUST_RESYNC)) {
      OnError(info);
    }
  }
  static void OnProgress(j_common_ptr info) {
    JpegReader& reader = Self(info);
    if (reader.info_.input_scan_number <= kScansMax) return;
    std::snprintf(reader.message_, sizeof(reader.message_), "more than %d scans", kScansMax);
    longjmp(reader.jump_, 1);
  }

  bool TryCreate();
  bool TryReadHeader();
  bool TryStart();
  bool TryReadRow(uint8_t* row);
  bool TryFinish();
  bool TryReadIcc(JOCTET** data, unsigned* size);
  Status Failure() const;

  std::span<const uint8_t> bytes_;
  jpeg_decompress_struct info_ = {};
  jpeg_error_mgr errors_ = {};
  jpeg_progress_mgr progress_ = {};
  std::jmp_buf jump_;
  bool created_ = false;
  int code_ = 0;
  char message_[JMSG_LENGTH_MAX] = {};
};

bool JpegReader::TryCreate() {
  if (setjmp(jump_)) return false;
  jpeg_create_decompress(&info_);
  info_.progress = &progress_;
  jpeg_mem_src(&info_, bytes_.data(), bytes_.size());
  return true;
}

bool JpegReader::TryReadHeader() {
  if (setjmp(jump_)) return false;
  jpeg_save_markers(&info_, JPEG_APP0 + 1, 0xFFFF);  // EXIF
  jpeg_save_markers(&info_, JPEG_APP0 + 2, 0xFFFF);  // ICC
  jpeg_read_header(&info_, TRUE);
  const bool four = info_.jpeg_color_space == JCS_CMYK || info_.jpeg_color_space == JCS_YCCK;
  info_.out_color_space = four ? JCS_CMYK : JCS_RGB;
  return true;
}

bool JpegReader::TryStart() {
  if (setjmp(jump_)) return false;
  jpeg_start_decompress(&info_);
  return true;
}

bool JpegReader::TryReadRow(uint8_t* row) {
  if (setjmp(jump_)) return false;
  jpeg_read_scanlines(&info_, &row, 1);
  return true;
}

bool JpegReader::TryFinish() {
  if (setjmp(jump_)) return false;
  jpeg_finish_decompress(&info_);
  return true;
}

bool JpegReader::TryReadIcc(JOCTET** data, unsigned* size) {
  if (setjmp(jump_)) return false;
  return jpeg_read_icc_profile(&info_, data, size);
}

Status JpegReader::Failure() const {
  const std::string text = message_;
  switch (code_) {
    case JERR_OUT_OF_MEMORY:
      return ResourceExhausted("not enough memory to decode a JPEG");
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
    case JERR_ARITH_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
      return Unsupported("JPEG variant that is not supported: " + text + "; convert it to PNG");
    default:
      return CorruptInput("damaged JPEG: " + text);
  }
}

Status JpegReader::ReadHeader(const ImageLimits& limits) {
  if (!created_ || !TryReadHeader()) return Failure();
  return CheckImageSize("JPEG", info_.image_width, info_.image_height, limits);
}

int JpegReader::orientation() const {
  for (const jpeg_marker_struct* m = info_.marker_list; m != nullptr; m = m->next) {
    if (m->marker != JPEG_APP0 + 1) continue;
    const int found = ExifOrientation({m->data, m->data_length});
    if (found != 1) return found;
  }
  return 1;
}

std::vector<uint8_t> JpegReader::IccProfile() {
  JOCTET* data = nullptr;
  unsigned size = 0;
  if (!TryReadIcc(&data, &size)) return {};
  std::vector<uint8_t> profile;
  if (IsRgbIccProfile({data, size})) profile.assign(data, data + size);
  std::free(data);
  return profile;
}

void SplitRgbRow(const uint8_t* in, int y, Frame& frame) {
  uint8_t *r = frame.row(0, y), *g = frame.row(1, y), *b = frame.row(2, y);
  for (int x = 0; x < frame.width(); ++x, in += 3) {
    r[x] = in[0];
    g[x] = in[1];
    b[x] = in[2];
  }
}

// Without a colour profile's tables: each ink's paper-white share times that of black.
void SplitCmykRow(const uint8_t* in, bool inverted, int y, Frame& frame) {
  for (int x = 0; x < frame.width(); ++x, in += 4) {
    const int black = inverted ? in[3] : 255 - in[3];
    for (int plane = 0; plane < Frame::kPlanes; ++plane) {
      const int ink = inverted ? in[plane] : 255 - in[plane];
      frame.row(plane, y)[x] = static_cast<uint8_t>((ink * black + 127) / 255);
    }
  }
}

}  // namespace

Result<ImageHeader> ReadJpegHeader(std::span<const uint8_t> bytes, const ImageLimits& limits) {
  JpegReader reader(bytes);
  OCTO_RETURN_IF_ERROR(reader.ReadHeader(limits));
  FrameSize size = reader.stored_size();
  if (SwapsSides(reader.orientation())) std::swap(size.width, size.height);
  return ImageHeader{ImageFormat::kJpeg, size, SampleType::kU8};
}

Result<Image> DecodeJpeg(std::span<const uint8_t> bytes, const ImageLimits& limits) {
  JpegReader reader(bytes);
  OCTO_RETURN_IF_ERROR(reader.ReadHeader(limits));
  Image image;
  image.format = ImageFormat::kJpeg;
  image.icc_profile = reader.IccProfile();
  const int orientation = reader.orientation();  // Finish() drops the markers
  OCTO_RETURN_IF_ERROR(reader.Start());
  Frame frame(reader.stored_size(), SampleType::kU8);
  std::vector<uint8_t> row(static_cast<size_t>(frame.width()) * (reader.cmyk() ? 4 : 3));
  for (int y = 0; y < frame.height(); ++y) {
    OCTO_RETURN_IF_ERROR(reader.ReadRow(row.data()));
    if (reader.cmyk()) {
      SplitCmykRow(row.data(), reader.inverted(), y, frame);
    } else {
      SplitRgbRow(row.data(), y, frame);
    }
  }
  OCTO_RETURN_IF_ERROR(reader.Finish());
  image.frame = Upright(std::move(frame), orientation);
  return image;
}

}  // namespace octoscale
