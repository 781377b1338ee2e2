#include "frame/synthetic_picture.h"

#include <algorithm>

namespace octoscale {
namespace {

// A hash (the finaliser of MurmurHash3) as reproducible noise, 0..255.
uint32_t Noise(uint32_t x, uint32_t y, uint32_t seed) {
  uint32_t h = x * 0x9E3779B1u ^ y * 0x85EBCA77u ^ seed * 0xC2B2AE3Du;
  h = (h ^ h >> 16) * 0x85EBCA6Bu;
  h = (h ^ h >> 13) * 0xC2B2AE35u;
  return (h ^ h >> 16) & 0xFF;
}

int Sample(int plane, int x, int y, uint32_t index) {
  const int moved = x + static_cast<int>(index) * 3;
  const int gradient = (moved / 3 + y / 2 + 60 * plane) & 0xFF;
  const int disc = (moved % 160 - 80) * (moved % 160 - 80) + (y % 160 - 80) * (y % 160 - 80);
  const int edge = disc < 55 * 55 ? 70 - 50 * plane : 0;
  const int texture = ((moved >> 2 ^ y >> 2) & 1) != 0 && y % 160 > 110 ? 24 : 0;
  const int noise = static_cast<int>(Noise(moved, y, plane)) / 24;
  return std::clamp(gradient + edge + texture + noise - 5, 0, 255);
}

}  // namespace

Frame SyntheticPicture(FrameSize size, uint32_t index) {
  Frame frame(size, SampleType::kU8);
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    for (int y = 0; y < size.height; ++y) {
      uint8_t* row = frame.row(plane, y);
      for (int x = 0; x < size.width; ++x) {
        row[x] = static_cast<uint8_t>(Sample(plane, x, y, index));
      }
    }
  }
  return frame;
}

}  // namespace octoscale
