#include "base/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace octoscale {
namespace {

TEST(HalfTest, ToFloatIsExact) {
  EXPECT_EQ(HalfToFloat(0x0000), 0.0f);
  EXPECT_TRUE(std::signbit(HalfToFloat(0x8000)));
  EXPECT_EQ(HalfToFloat(0x3C00), 1.0f);
  EXPECT_EQ(HalfToFloat(0xC000), -2.0f);
  EXPECT_EQ(HalfToFloat(0x3555), 0.333251953125f);
  EXPECT_EQ(HalfToFloat(0x7BFF), 65504.0f);
  EXPECT_EQ(HalfToFloat(0x0400), 0x1p-14f);       // smallest normal
  EXPECT_EQ(HalfToFloat(0x0001), 0x1p-24f);       // smallest subnormal
  EXPECT_EQ(HalfToFloat(0x83FF), -0x1.ff8p-15f);  // largest subnormal
  EXPECT_EQ(HalfToFloat(0x7C00), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(HalfToFloat(0x7E00)));
}

TEST(HalfTest, EveryNumberSurvivesTheWayThroughFloat) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = HalfToFloat(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(HalfToFloat(FloatToHalf(value)))) << bits;
    } else {
      EXPECT_EQ(FloatToHalf(value), half);
    }
    const float wide = Bfloat16ToFloat(half);
    if (!std::isnan(wide)) {
      EXPECT_EQ(FloatToBfloat16(wide), half);
    }
  }
}

TEST(HalfTest, RoundsToNearestEven) {
  EXPECT_EQ(FloatToHalf(1 + 0x1p-11f), 0x3C00);      // half-way, down to even
  EXPECT_EQ(FloatToHalf(1 + 3 * 0x1p-11f), 0x3C02);  // half-way, up to even
  EXPECT_EQ(FloatToHalf(65520.f), 0x7C00);           // overflow
  EXPECT_EQ(FloatToBfloat16(1 + 0x1p-8f), 0x3F80);
  EXPECT_EQ(FloatToBfloat16(1 + 3 * 0x1p-8f), 0x3F82);
}

}  // namespace
}  // namespace octoscale
