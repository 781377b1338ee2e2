// The codecs behind image.h. Private to this folder.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "image/image.h"

namespace octoscale {

// Largest ICC profile that is kept, in bytes; a larger one is dropped.
constexpr size_t kIccProfileBytesMax = size_t{4} << 20;

bool LooksLikePng(std::span<const uint8_t> bytes);
bool LooksLikeJpeg(std::span<const uint8_t> bytes);
bool LooksLikeWebp(std::span<const uint8_t> bytes);

// Ok, or ResourceExhausted with the limit that `size` breaks, or CorruptInput for an empty picture.
Status CheckImageSize(std::string_view format, int64_t width, int64_t height,
                      const ImageLimits& limits);

// True for a profile whose header says RGB, the only kind that fits our pixels.
bool IsRgbIccProfile(std::span<const uint8_t> profile);

// Ok when an encoder can take the view.
Status CheckImageView(const ImageView& image);

Result<ImageHeader> ReadPngHeader(std::span<const uint8_t> bytes, const ImageLimits& limits);
Result<Image> DecodePng(std::span<const uint8_t> bytes, const ImageLimits& limits);
// 8 bits; the EXIF orientation is applied. Errors: as DecodeImage; Unsupported (an animation).
Result<Image> DecodeWebp(std::span<const uint8_t> bytes, const ImageLimits& limits);
// Lossless; 16-bit samples are rounded to 8. Errors: as EncodePng; InvalidArgument (a side over
// 16383 pixels).
Result<std::vector<uint8_t>> EncodeWebp(const ImageView& image);
Result<ImageHeader> ReadJpegHeader(std::span<const uint8_t> bytes, const ImageLimits& limits);
Result<Image> DecodeJpeg(std::span<const uint8_t> bytes, const ImageLimits& limits);

}  // namespace octoscale
