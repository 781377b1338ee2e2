// PNG decoding with libpng. libpng reports errors with longjmp, so every function that calls it
// keeps no object with a destructor on its stack; memory is taken between the calls.
#include <png.h>

#include <cstring>
#include <string>

#include "image/codecs.h"

namespace octoscale {
namespace {

class PngReader {
 public:
  explicit PngReader(std::span<const uint8_t> bytes) : bytes_(bytes) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, OnError, OnWarning);
    if (png_) info_ = png_create_info_struct(png_);
  }
  ~PngReader() { png_destroy_read_struct(&png_, info_ ? &info_ : nullptr, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  Status ReadHeader(const ImageLimits& limits);
  // Asks libpng for 8 or 16-bit RGB or RGBA.
  Status Prepare();
  Status ReadRow(uint8_t* row);
  Status ReadInterlaced(png_bytepp rows);
  Status ReadEnd();

  int width() const { return static_cast<int>(png_get_image_width(png_, info_)); }
  int height() const { return static_cast<int>(png_get_image_height(png_, info_)); }
  SampleType sample_type() const {
    return png_get_bit_depth(png_, info_) == 16 ? SampleType::kU16 : SampleType::kU8;
  }
  bool has_alpha() const {
    return (png_get_color_type(png_, info_) & PNG_COLOR_MASK_ALPHA) != 0 ||
           png_get_valid(png_, info_, PNG_INFO_tRNS) != 0;
  }
  bool interlaced() const { return png_get_interlace_type(png_, info_) != PNG_INTERLACE_NONE; }
  int channels() const { return png_get_channels(png_, info_); }
  size_t row_bytes() const { return png_get_rowbytes(png_, info_); }
  std::vector<uint8_t> IccProfile() const;

 private:
  static void OnError(png_structp png, png_const_charp message) {
    auto* reader = static_cast<PngReader*>(png_get_error_ptr(png));
    std::strncpy(reader->message_, message, sizeof(reader->message_) - 1);
    png_longjmp(png, 1);
  }
  static void OnWarning(png_structp, png_const_charp) {}
  static void OnRead(png_structp png, png_bytep out, size_t size) {
    auto* reader = static_cast<PngReader*>(png_get_io_ptr(png));
    if (size > reader->bytes_.size() - reader->position_) png_error(png, "the file is truncated");
    std::memcpy(out, reader->bytes_.data() + reader->position_, size);
    reader->position_ += size;
  }

  bool TryReadHeader();
  bool TryPrepare();
  bool TryReadRow(uint8_t* row);
  bool TryReadInterlaced(png_bytepp rows);
  bool TryReadEnd();
  Status Damaged() const { return CorruptInput(std::string("damaged PNG: ") + message_); }

  std::span<const uint8_t> bytes_;
  size_t position_ = 0;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  char message_[160] = {};
};

// Chunks that libpng would unpack and keep, and that nobody asks for: a file of a few kilobytes
// could have it hold gigabytes of text.
constexpr png_byte kIgnoredChunks[] = "tEXt\0zTXt\0iTXt\0sPLT\0eXIf\0hIST\0pCAL\0sCAL";
constexpr int kIgnoredChunkCount = sizeof(kIgnoredChunks) / 5;

bool PngReader::TryReadHeader() {
  if (setjmp(png_jmpbuf(png_))) return false;
  png_set_read_fn(png_, this, OnRead);
  png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, kIgnoredChunks, kIgnoredChunkCount);
  png_set_chunk_malloc_max(png_, kIccProfileBytesMax);
  // The largest sides that the format knows, so that our own check words the refusal.
  png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_read_info(png_, info_);
  return true;
}

bool PngReader::TryPrepare() {
  if (setjmp(png_jmpbuf(png_))) return false;
  png_set_expand(png_);
  png_set_gray_to_rgb(png_);
  if (png_get_bit_depth(png_, info_) == 16) png_set_swap(png_);
  png_set_interlace_handling(png_);
  png_read_update_info(png_, info_);
  return true;
}

bool PngReader::TryReadRow(uint8_t* row) {
  if (setjmp(png_jmpbuf(png_))) return false;
  png_read_row(png_, row, nullptr);
  return true;
}

bool PngReader::TryReadInterlaced(png_bytepp rows) {
  if (setjmp(png_jmpbuf(png_))) return false;
  png_read_image(png_, rows);
  return true;
}

bool PngReader::TryReadEnd() {
  if (setjmp(png_jmpbuf(png_))) return false;
  png_read_end(png_, nullptr);
  return true;
}

Status PngReader::ReadHeader(const ImageLimits& limits) {
  if (!png_ || !info_) return ResourceExhausted("not enough memory to decode a PNG");
  if (!TryReadHeader()) return Damaged();
  return CheckImageSize("PNG", png_get_image_width(png_, info_), png_get_image_height(png_, info_),
                        limits);
}

Status PngReader::Prepare() { return TryPrepare() ? OkStatus() : Damaged(); }
Status PngReader::ReadRow(uint8_t* row) { return TryReadRow(row) ? OkStatus() : Damaged(); }
Status PngReader::ReadInterlaced(png_bytepp rows) {
  return TryReadInterlaced(rows) ? OkStatus() : Damaged();
}
Status PngReader::ReadEnd() { return TryReadEnd() ? OkStatus() : Damaged(); }

std::vector<uint8_t> PngReader::IccProfile() const {
  png_charp name = nullptr;
  png_bytep profile = nullptr;
  png_uint_32 size = 0;
  int compression = 0;
  if (!png_get_iCCP(png_, info_, &name, &compression, &profile, &size)) return {};
  if (!IsRgbIccProfile({profile, size})) return {};
  return {profile, profile + size};
}

template <typename T>
void SplitRow(const T* in, int channels, int y, Frame& frame, AlphaPlane* alpha) {
  T* r = reinterpret_cast<T*>(frame.row(0, y));
  T* g = reinterpret_cast<T*>(frame.row(1, y));
  T* b = reinterpret_cast<T*>(frame.row(2, y));
  T* a = alpha ? reinterpret_cast<T*>(alpha->row(y)) : nullptr;
  for (int x = 0; x < frame.width(); ++x, in += channels) {
    r[x] = in[0];
    g[x] = in[1];
    b[x] = in[2];
    if (a) a[x] = in[3];
  }
}

void SplitRow(const uint8_t* row, int channels, int y, Image& image) {
  AlphaPlane* alpha = image.alpha ? &*image.alpha : nullptr;
  if (image.frame.sample_type() == SampleType::kU16) {
    SplitRow(reinterpret_cast<const uint16_t*>(row), channels, y, image.frame, alpha);
  } else {
    SplitRow(row, channels, y, image.frame, alpha);
  }
}

Status ReadPixels(PngReader& reader, Image& image) {
  const int height = image.frame.height();
  const size_t row_bytes = reader.row_bytes();
  AlignedBuffer<uint8_t> pixels(row_bytes * (reader.interlaced() ? height : 1));
  if (reader.interlaced()) {
    std::vector<png_bytep> rows(height);
    for (int y = 0; y < height; ++y) rows[y] = pixels.data() + row_bytes * y;
    OCTO_RETURN_IF_ERROR(reader.ReadInterlaced(rows.data()));
    for (int y = 0; y < height; ++y) SplitRow(rows[y], reader.channels(), y, image);
    return OkStatus();
  }
  for (int y = 0; y < height; ++y) {
    OCTO_RETURN_IF_ERROR(reader.ReadRow(pixels.data()));
    SplitRow(pixels.data(), reader.channels(), y, image);
  }
  return OkStatus();
}

}  // namespace

Result<ImageHeader> ReadPngHeader(std::span<const uint8_t> bytes, const ImageLimits& limits) {
  PngReader reader(bytes);
  OCTO_RETURN_IF_ERROR(reader.ReadHeader(limits));
  return ImageHeader{ImageFormat::kPng,
                     {reader.width(), reader.height()},
                     reader.sample_type(),
                     reader.has_alpha()};
}

Result<Image> DecodePng(std::span<const uint8_t> bytes, const ImageLimits& limits) {
  PngReader reader(bytes);
  OCTO_RETURN_IF_ERROR(reader.ReadHeader(limits));
  OCTO_RETURN_IF_ERROR(reader.Prepare());
  const FrameSize size{reader.width(), reader.height()};
  Image image;
  image.format = ImageFormat::kPng;
  image.frame = Frame(size, reader.sample_type());
  if (reader.channels() == 4) image.alpha.emplace(size, reader.sample_type());
  image.icc_profile = reader.IccProfile();
  OCTO_RETURN_IF_ERROR(ReadPixels(reader, image));
  OCTO_RETURN_IF_ERROR(reader.ReadEnd());
  return image;
}

}  // namespace octoscale
