// Still pictures: PNG, JPEG and, in files, WebP between memory, files and Frames.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/status.h"
#include "frame/frame.h"

namespace octoscale {

enum class ImageFormat { kPng, kJpeg, kWebp };

std::string_view ImageFormatName(ImageFormat format);  // "PNG", "JPEG", "WebP"

// What a decoder accepts. Checked against the picture's header before any pixel memory is taken.
struct ImageLimits {
  int width_max = kFrameSideMax;               // pixels
  int height_max = kFrameSideMax;              // pixels
  int64_t pixels_max = int64_t{1} << 26;       // width x height; 67 million pixels
  size_t encoded_bytes_max = size_t{1} << 29;  // size of the file or message
};

// One plane of opacity: 0 = transparent, 255 or 65535 = opaque; straight (not premultiplied).
// Rows follow each other without padding. Move-only.
struct AlphaPlane {
  FrameSize size;
  SampleType type = SampleType::kU8;
  AlignedBuffer<uint8_t> samples;  // kU16: native endian

  AlphaPlane() = default;
  AlphaPlane(FrameSize plane_size, SampleType sample_type);
  size_t stride_bytes() const { return static_cast<size_t>(size.width) * SampleBytes(type); }
  uint8_t* row(int y) { return samples.data() + stride_bytes() * y; }
  const uint8_t* row(int y) const { return samples.data() + stride_bytes() * y; }
};

// A decoded picture. Grey and palette pictures are expanded to RGB; fewer than 8 bits to 8.
struct Image {
  Frame frame;                             // kU16 for 16-bit PNG, else kU8
  std::optional<AlphaPlane> alpha;         // same size and sample type as frame
  std::vector<uint8_t> icc_profile;        // RGB profile as stored in the file; empty: none
  ImageFormat format = ImageFormat::kPng;  // what it was decoded from
};

// A picture to encode; borrows everything. alpha may be null; icc_profile may be empty.
struct ImageView {
  const Frame* frame = nullptr;
  const AlphaPlane* alpha = nullptr;
  std::span<const uint8_t> icc_profile;

  ImageView(const Frame& f) : frame(&f) {}  // NOLINT(google-explicit-constructor)
  ImageView(const Image& image)             // NOLINT(google-explicit-constructor)
      : frame(&image.frame),
        alpha(image.alpha ? &*image.alpha : nullptr),
        icc_profile(image.icc_profile) {}
};

struct ImageHeader {
  ImageFormat format = ImageFormat::kPng;
  FrameSize size;  // as displayed, that is after EXIF rotation
  SampleType type = SampleType::kU8;
  bool has_alpha = false;
};

// Reads format, size and whether there is alpha from the first bytes of a picture without decoding
// it, and checks them against `limits`. Errors: as DecodeImage.
Result<ImageHeader> ReadImageHeader(std::span<const uint8_t> bytes, const ImageLimits& limits = {});

// Decodes a whole PNG or JPEG; the content decides which, not a name.
// JPEG: the EXIF orientation is applied; CMYK is converted by multiplying with K (its profile is
// dropped). PNG: 1 to 16 bits, grey, palette, tRNS, Adam7; APNG gives its default picture.
// Errors: Unsupported (neither PNG nor JPEG), ResourceExhausted (over a limit; says which),
// CorruptInput (damaged or truncated: a picture that lacks rows is never returned).
// Thread-safe.
Result<Image> DecodeImage(std::span<const uint8_t> bytes, const ImageLimits& limits = {});

// kSmall takes 2 to 4 times as long and saves about a tenth of the file; the pixels are the same.
// See docs/decisions/0002-png-encoder.md.
enum class PngEffort { kFast, kSmall };

struct EncodeOptions {
  PngEffort png_effort = PngEffort::kFast;
  int jpeg_quality = 95;  // 1..100; chroma is not subsampled from 90 on
};

// 8 or 16 bits by the frame's sample type; RGB, or RGBA when there is alpha.
// Errors: InvalidArgument (empty frame, alpha of another size or type). Thread-safe.
Result<std::vector<uint8_t>> EncodePng(const ImageView& image, const EncodeOptions& options = {});

// 16-bit samples are rounded to 8. Errors: InvalidArgument (as EncodePng; alpha present: JPEG has
// no transparency; quality out of range; a side over 65500 pixels). Thread-safe.
Result<std::vector<uint8_t>> EncodeJpeg(const ImageView& image, const EncodeOptions& options = {});

// kPng for .png, kJpeg for .jpg and .jpeg, kWebp for .webp (any case), nothing for other names.
std::optional<ImageFormat> ImageFormatFromPath(std::string_view path);

// DecodeImage of a file's content, which may also be a WebP still (8 bits; EXIF orientation
// applied, RGB profile kept); messages start with the path. Errors: also NotFound and IoError.
Result<Image> ReadImageFile(const std::string& path, const ImageLimits& limits = {});

// Encodes by the path's extension (WebP losslessly, 8 bits) and writes atomically: the file appears
// under its name complete (temporary file beside it, fsync, rename) or not at all.
// Errors: InvalidArgument (unknown extension), AlreadyExists (without `overwrite`), NotFound (no
// such directory), IoError, ResourceExhausted (disk full), and those of the encoders.
Status WriteImageFile(const std::string& path, const ImageView& image,
                      const EncodeOptions& options = {}, bool overwrite = true);

}  // namespace octoscale
