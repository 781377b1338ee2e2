#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <jpeglib.h>

#include "image/codecs.h"

namespace octoscale {
namespace {

constexpr int kFullChromaFromQuality = 90;

class JpegWriter {
 public:
  JpegWriter() {
    info_.err = jpeg_std_error(&errors_);
    info_.client_data = this;
    errors_.error_exit = OnError;
    errors_.emit_message = [](j_common_ptr, int) {};
  }
  ~JpegWriter() {
    jpeg_destroy_compress(&info_);
    std::free(data_);
  }
  JpegWriter(const JpegWriter&) = delete;
  JpegWriter& operator=(const JpegWriter&) = delete;

  // Each returns false after an error, which message() names.
  bool Start(FrameSize size, int quality, std::span<const uint8_t> icc_profile);
  bool WriteRow(uint8_t* row);
  bool Finish();

  const char* message() const { return message_; }
  std::span<const uint8_t> data() const { return {data_, size_}; }

 private:
  [[noreturn]] static void OnError(j_common_ptr info) {
    auto* writer = static_cast<JpegWriter*>(info->client_data);
    info->err->format_message(info, writer->message_);
    longjmp(writer->jump_, 1);
  }

  jpeg_compress_struct info_ = {};
  jpeg_error_mgr errors_ = {};
  std::jmp_buf jump_;
  unsigned char* data_ = nullptr;
  unsigned long size_ = 0;  // NOLINT(google-runtime-int): libjpeg's type
  char message_[JMSG_LENGTH_MAX] = {};
};

bool JpegWriter::Start(FrameSize size, int quality, std::span<const uint8_t> icc_profile) {
  if (setjmp(jump_)) return false;
  jpeg_create_compress(&info_);
  jpeg_mem_dest(&info_, &data_, &size_);
  info_.image_width = size.width;
  info_.image_height = size.height;
  info_.input_components = 3;
  info_.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info_);
  jpeg_set_quality(&info_, quality, TRUE);
  info_.optimize_coding = TRUE;
  if (quality >= kFullChromaFromQuality) {
    info_.comp_info[0].h_samp_factor = 1;
    info_.comp_info[0].v_samp_factor = 1;
  }
  jpeg_start_compress(&info_, TRUE);
  if (!icc_profile.empty()) {
    jpeg_write_icc_profile(&info_, icc_profile.data(), static_cast<unsigned>(icc_profile.size()));
  }
  return true;
}

bool JpegWriter::WriteRow(uint8_t* row) {
  if (setjmp(jump_)) return false;
  jpeg_write_scanlines(&info_, &row, 1);
  return true;
}

bool JpegWriter::Finish() {
  if (setjmp(jump_)) return false;
  jpeg_finish_compress(&info_);
  return true;
}

void MergeRow(const Frame& frame, int y, uint8_t* out) {
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    for (int x = 0; x < frame.width(); ++x) {
      out[3 * x + plane] =
          frame.sample_type() == SampleType::kU8
              ? frame.row(plane, y)[x]
              : static_cast<uint8_t>((frame.row16(plane, y)[x] * 255u + 32767u) / 65535u);
    }
  }
}

Status CheckRequest(const ImageView& image, int quality) {
  OCTO_RETURN_IF_ERROR(CheckImageView(image));
  if (image.alpha) return InvalidArgument("JPEG has no transparency; write a PNG instead");
  if (quality < 1 || quality > 100) {
    return InvalidArgument("JPEG quality is 1 to 100, not " + std::to_string(quality));
  }
  return OkStatus();
}

}  // namespace

Result<std::vector<uint8_t>> EncodeJpeg(const ImageView& image, const EncodeOptions& options) {
  OCTO_RETURN_IF_ERROR(CheckRequest(image, options.jpeg_quality));
  const Frame& frame = *image.frame;
  const auto profile =
      IsRgbIccProfile(image.icc_profile) ? image.icc_profile : std::span<const uint8_t>();
  std::vector<uint8_t> row(static_cast<size_t>(frame.width()) * 3);
  JpegWriter writer;
  bool ok = writer.Start(frame.size(), options.jpeg_quality, profile);
  for (int y = 0; ok && y < frame.height(); ++y) {
    MergeRow(frame, y, row.data());
    ok = writer.WriteRow(row.data());
  }
  if (!ok || !writer.Finish()) {
    return Internal(std::string("the JPEG encoder failed: ") + writer.message());
  }
  return std::vector<uint8_t>(writer.data().begin(), writer.data().end());
}

}  // namespace octoscale
