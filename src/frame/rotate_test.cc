#include "frame/rotate.h"

#include <vector>

#include "gtest/gtest.h"

namespace octoscale {
namespace {

// 3x2 with samples 10 * y + x, moved by the plane.
Frame Numbered(SampleType type) {
  Frame frame({3, 2}, type);
  for (int p = 0; p < Frame::kPlanes; ++p) {
    for (int y = 0; y < 2; ++y) {
      for (int x = 0; x < 3; ++x) {
        const int value = 10 * y + x + 40 * p;
        if (type == SampleType::kU8) frame.row(p, y)[x] = static_cast<uint8_t>(value);
        if (type == SampleType::kU16) frame.row16(p, y)[x] = static_cast<uint16_t>(300 * value);
      }
    }
  }
  return frame;
}

TEST(RotateTest, QuarterTurnsAreClockwise) {
  const Frame frame = Numbered(SampleType::kU8);
  const Frame turned = TurnFrame(frame, {false, 90});
  ASSERT_EQ(turned.size(), (FrameSize{2, 3}));
  // The left column, read upwards, becomes the top row.
  EXPECT_EQ(turned.row(0, 0)[0], 10);
  EXPECT_EQ(turned.row(0, 0)[1], 0);
  EXPECT_EQ(turned.row(1, 2)[0], 40 + 12);
  EXPECT_EQ(TurnFrame(frame, {false, 180}).row(0, 0)[0], 12);
  EXPECT_EQ(TurnFrame(frame, {false, 270}).row(0, 0)[0], 2);
}

TEST(RotateTest, MirroringComesBeforeTheTurn) {
  const Frame frame = Numbered(SampleType::kU8);
  const Frame mirrored = TurnFrame(frame, {true, 0});
  ASSERT_EQ(mirrored.size(), frame.size());
  EXPECT_EQ(mirrored.row(0, 0)[0], 2);
  EXPECT_EQ(mirrored.row(0, 1)[2], 10);
  for (const int degrees : {90, 180, 270}) {
    EXPECT_TRUE(TurnFrame(frame, {true, degrees}).SamePixels(TurnFrame(mirrored, {false, degrees})))
        << degrees;
  }
}

TEST(RotateTest, TurnsAddUpAndAreUndone) {
  std::vector<Orientation> all;
  for (const bool mirrored : {false, true}) {
    for (const int degrees : {0, 90, 180, 270}) all.push_back({mirrored, degrees});
  }
  for (const SampleType type : {SampleType::kU8, SampleType::kU16}) {
    const Frame frame = Numbered(type);
    for (const Orientation& a : all) {
      const Frame turned = TurnFrame(frame, a);
      EXPECT_TRUE(TurnFrame(turned, Inverse(a)).SamePixels(frame));
      for (const Orientation& b : all) {
        EXPECT_TRUE(TurnFrame(turned, b).SamePixels(TurnFrame(frame, Then(a, b))))
            << a.mirrored << a.degrees << " " << b.mirrored << b.degrees;
      }
    }
  }
}

}  // namespace
}  // namespace octoscale
