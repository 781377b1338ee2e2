// The PNG and JPEG decoders on hostile bytes: what decodes is within the limits, and encodes again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "image/image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto require = [](bool condition) {
    if (!condition) std::abort();
  };
  octoscale::ImageLimits limits;
  limits.width_max = limits.height_max = 256;
  limits.pixels_max = 16384;
  limits.encoded_bytes_max = 1 << 20;
  const std::span<const uint8_t> bytes(data, size);
  const auto header = octoscale::ReadImageHeader(bytes, limits);
  const auto image = octoscale::DecodeImage(bytes, limits);
  if (!image.ok()) {
    require(!image.status().message().empty());
    return 0;
  }
  require(header.ok());
  require(image->frame.size() == header->size);
  require(image->frame.sample_type() == header->type);
  require(header->size.width <= limits.width_max && header->size.height <= limits.height_max);
  require(int64_t{header->size.width} * header->size.height <= limits.pixels_max);
  if (image->alpha) require(image->alpha->size == image->frame.size());
  require(octoscale::EncodePng(*image).ok());
  return 0;
}
