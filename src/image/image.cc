#include "image/image.h"

#include <algorithm>
#include <cctype>
#include <new>

#include "image/codecs.h"

namespace octoscale {
namespace {

Status CheckEncodedSize(std::span<const uint8_t> bytes, const ImageLimits& limits) {
  if (bytes.size() <= limits.encoded_bytes_max) return OkStatus();
  return ResourceExhausted("the picture's file has " + std::to_string(bytes.size()) +
                           " bytes; the limit is " + std::to_string(limits.encoded_bytes_max));
}

Status NeitherPngNorJpeg() {
  return Unsupported("this is neither a PNG nor a JPEG picture; convert it to one of them");
}

}  // namespace

std::string_view ImageFormatName(ImageFormat format) {
  switch (format) {
    case ImageFormat::kPng:
      return "PNG";
    case ImageFormat::kJpeg:
      return "JPEG";
    case ImageFormat::kWebp:
      return "WebP";
  }
  return "unknown";
}

AlphaPlane::AlphaPlane(FrameSize plane_size, SampleType sample_type)
    : size(plane_size), type(sample_type), samples(stride_bytes() * plane_size.height) {}

bool LooksLikePng(std::span<const uint8_t> bytes) {
  static constexpr uint8_t kSignature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  return bytes.size() >= sizeof(kSignature) &&
         std::equal(std::begin(kSignature), std::end(kSignature), bytes.begin());
}

bool LooksLikeJpeg(std::span<const uint8_t> bytes) {
  return bytes.size() >= 3 && bytes[0] == 0xFF && bytes[1] == 0xD8 && bytes[2] == 0xFF;
}

Status CheckImageSize(std::string_view format, int64_t width, int64_t height,
                      const ImageLimits& limits) {
  const std::string found =
      std::string(format) + " of " + std::to_string(width) + "x" + std::to_string(height);
  if (width < 1 || height < 1) return CorruptInput(found + " pixels: a picture has at least 1x1");
  const int64_t width_max = std::min(limits.width_max, kFrameSideMax);
  const int64_t height_max = std::min(limits.height_max, kFrameSideMax);
  if (width > width_max || height > height_max) {
    return ResourceExhausted(found + ": the limit is " + std::to_string(width_max) + "x" +
                             std::to_string(height_max) + "; send a smaller picture");
  }
  if (width * height > limits.pixels_max) {
    return ResourceExhausted(found + " has " + std::to_string(width * height) +
                             " pixels; the limit is " + std::to_string(limits.pixels_max) +
                             "; send a smaller picture");
  }
  return OkStatus();
}

bool IsRgbIccProfile(std::span<const uint8_t> profile) {
  constexpr size_t kHeaderBytes = 128;
  constexpr size_t kColourSpaceOffset = 16;
  static constexpr uint8_t kRgb[] = {'R', 'G', 'B', ' '};
  return profile.size() > kHeaderBytes && profile.size() <= kIccProfileBytesMax &&
         std::equal(std::begin(kRgb), std::end(kRgb), profile.begin() + kColourSpaceOffset);
}

Status CheckImageView(const ImageView& image) {
  if (image.frame == nullptr || image.frame->empty()) {
    return InvalidArgument("an empty frame can't be encoded");
  }
  if (image.alpha && (image.alpha->size != image.frame->size() ||
                      image.alpha->type != image.frame->sample_type())) {
    return InvalidArgument("the alpha plane must have the frame's size and sample type");
  }
  return OkStatus();
}

Result<ImageHeader> ReadImageHeader(std::span<const uint8_t> bytes, const ImageLimits& limits) {
  OCTO_RETURN_IF_ERROR(CheckEncodedSize(bytes, limits));
  if (LooksLikePng(bytes)) return ReadPngHeader(bytes, limits);
  if (LooksLikeJpeg(bytes)) return ReadJpegHeader(bytes, limits);
  return NeitherPngNorJpeg();
}

Result<Image> DecodeImage(std::span<const uint8_t> bytes, const ImageLimits& limits) {
  try {
    OCTO_RETURN_IF_ERROR(CheckEncodedSize(bytes, limits));
    if (LooksLikePng(bytes)) return DecodePng(bytes, limits);
    if (LooksLikeJpeg(bytes)) return DecodeJpeg(bytes, limits);
    return NeitherPngNorJpeg();
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("not enough memory to decode the picture");
  }
}

std::optional<ImageFormat> ImageFormatFromPath(std::string_view path) {
  const size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  std::string extension(path.substr(dot + 1));
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (extension == "png") return ImageFormat::kPng;
  if (extension == "jpg" || extension == "jpeg") return ImageFormat::kJpeg;
  if (extension == "webp") return ImageFormat::kWebp;
  return std::nullopt;
}

}  // namespace octoscale
