// The PNG and JPEG decoders on hostile bytes. What decodes must encode and decode to itself.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "image/image.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr octoscale::ImageLimits kLimits{
      .width_max = 4096, .height_max = 4096, .pixels_max = 1 << 18};
  const std::span<const uint8_t> bytes(data, size);
  const auto header = octoscale::ReadImageHeader(bytes, kLimits);
  const auto image = octoscale::DecodeImage(bytes, kLimits);
  if (!image.ok()) {
    Require(!image.status().message().empty());
    return 0;
  }
  Require(header.ok() && header->size == image->frame.size() &&
          header->type == image->frame.sample_type() && header->format == image->format);
  Require(static_cast<int64_t>(image->frame.width()) * image->frame.height() <= kLimits.pixels_max);
  const auto png = octoscale::EncodePng(*image);
  Require(png.ok());
  const auto again = octoscale::DecodeImage(*png, kLimits);
  Require(again.ok() && again->frame.SamePixels(image->frame) &&
          again->alpha.has_value() == image->alpha.has_value());
  return 0;
}
