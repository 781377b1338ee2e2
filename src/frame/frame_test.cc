#include "frame/frame.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace octoscale {
namespace {

TEST(FrameTest, InterleavedRoundTripKeepsEveryPixel) {
  for (FrameSize size : {FrameSize{1, 1}, FrameSize{65, 3}}) {
    std::vector<uint8_t> pixels(size.width * size.height * 3);
    std::iota(pixels.begin(), pixels.end(), 1);
    const Frame frame = FrameFromInterleaved(pixels.data(), size.width * 3, size, SampleType::kU8);
    std::vector<uint8_t> back(pixels.size());
    FrameToInterleaved(frame, back.data(), size.width * 3);
    EXPECT_EQ(back, pixels);
  }
}

TEST(FrameTest, SixteenBitRoundTrip) {
  const FrameSize size{5, 2};
  std::vector<uint16_t> pixels(size.width * size.height * 3);
  std::iota(pixels.begin(), pixels.end(), 65000);
  const Frame frame = FrameFromInterleaved(pixels.data(), size.width * 6, size, SampleType::kU16);
  std::vector<uint16_t> back(pixels.size());
  FrameToInterleaved(frame, back.data(), size.width * 6);
  EXPECT_EQ(back, pixels);
}

TEST(FrameTest, CloneIsEqualAndIndependent) {
  Frame frame(FrameSize{3, 2}, SampleType::kU8);
  for (int p = 0; p < Frame::kPlanes; ++p) {
    for (int y = 0; y < 2; ++y) {
      for (int x = 0; x < 3; ++x) frame.row(p, y)[x] = static_cast<uint8_t>(p * 10 + y * 3 + x);
    }
  }
  Frame copy = frame.Clone();
  EXPECT_TRUE(copy.SamePixels(frame));
  copy.row(2, 1)[2] ^= 1;
  EXPECT_FALSE(copy.SamePixels(frame));
}

}  // namespace
}  // namespace octoscale
