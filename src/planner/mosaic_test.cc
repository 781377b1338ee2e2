#include "planner/mosaic.h"

#include "gtest/gtest.h"

namespace octoscale {
namespace {

// The green plane counts columns, the blue one rows.
Frame Counting(FrameSize size) {
  Frame frame(size, SampleType::kU8);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      frame.row(0, y)[x] = 0;
      frame.row(1, y)[x] = static_cast<uint8_t>(x);
      frame.row(2, y)[x] = static_cast<uint8_t>(y);
    }
  }
  return frame;
}

TEST(MosaicTest, TilesComeFromTheMiddlesOfEqualParts) {
  const Frame mosaic = Mosaic(Counting({80, 40}), {4, 2});
  ASSERT_EQ(mosaic.size(), (FrameSize{16, 8}));
  for (int tile = 0; tile < kMosaicTiles; ++tile) {
    EXPECT_EQ(mosaic.row(1, 0)[4 * tile], 20 * tile + 8) << tile;  // of 20, 4
    EXPECT_EQ(mosaic.row(1, 7)[4 * tile + 3], 20 * tile + 11) << tile;
    EXPECT_EQ(mosaic.row(2, 2 * tile)[0], 10 * tile + 4) << tile;  // of 10, 2
    EXPECT_EQ(mosaic.row(2, 2 * tile + 1)[15], 10 * tile + 5) << tile;
  }
}

TEST(MosaicTest, OfASmallFrameTheMiddle) {
  const Frame flat = Mosaic(Counting({80, 8}), {4, 2});
  ASSERT_EQ(flat.size(), (FrameSize{16, 8}));
  EXPECT_EQ(flat.row(1, 3)[0], 32);
  EXPECT_EQ(flat.row(2, 3)[0], 3);
  EXPECT_EQ(Mosaic(Counting({5, 3}), {4, 2}).size(), (FrameSize{5, 3}));
  EXPECT_EQ(Middle(Counting({9, 9}), {3, 5}).row(2, 0)[0], 2);
}

}  // namespace
}  // namespace octoscale
