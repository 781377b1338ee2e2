#include "image/picture_metrics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace octoscale {
namespace {

// value(plane, x, y), in the sample type's own range.
template <typename Value>
Frame MakeFrame(FrameSize size, SampleType type, Value value) {
  Frame frame(size, type);
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    for (int y = 0; y < size.height; ++y) {
      for (int x = 0; x < size.width; ++x) {
        const int sample = value(plane, x, y);
        if (type == SampleType::kU8) {
          frame.row(plane, y)[x] = static_cast<uint8_t>(sample);
        } else {
          frame.row16(plane, y)[x] = static_cast<uint16_t>(sample);
        }
      }
    }
  }
  return frame;
}

Frame Texture(FrameSize size, int seed) {
  return MakeFrame(size, SampleType::kU8, [seed](int plane, int x, int y) {
    return (x * 37 + y * 91 + plane * 50 + x * y * 7 + seed * 13) % 256;
  });
}

TEST(PictureMetricsTest, AreaDownscaleAveragesSquares) {
  const Frame frame = MakeFrame({4, 2}, SampleType::kU8, [](int plane, int x, int y) {
    return plane == 0 ? 10 * x + y : plane;
  });
  const MetricPicture half = AreaDownscale(frame, 2);
  EXPECT_EQ(half.size, (FrameSize{2, 1}));
  EXPECT_FLOAT_EQ(half.rgb[0][0], 5.5F);
  EXPECT_FLOAT_EQ(half.rgb[0][1], 25.5F);
  EXPECT_FLOAT_EQ(half.rgb[2][1], 2.0F);
  EXPECT_NEAR(half.luma[0], 0.299 * 5.5 + 0.587 * 1 + 0.114 * 2, 1e-4);
}

TEST(PictureMetricsTest, SixteenBitsGiveTheSameValues) {
  const Frame bytes = Texture({12, 8}, 1);
  const Frame words = MakeFrame({12, 8}, SampleType::kU16, [&](int plane, int x, int y) {
    return bytes.row(plane, y)[x] * 257;
  });
  EXPECT_LT(MeanSquaredError(AreaDownscale(bytes, 4), AreaDownscale(words, 4)), 1e-6);
}

TEST(PictureMetricsTest, PsnrOfAKnownError) {
  const Frame a = MakeFrame({16, 16}, SampleType::kU8, [](int, int, int) { return 100; });
  const Frame b = MakeFrame({16, 16}, SampleType::kU8, [](int, int, int) { return 105; });
  const double mse = MeanSquaredError(AreaDownscale(a, 1), AreaDownscale(b, 1));
  EXPECT_DOUBLE_EQ(mse, 25);
  EXPECT_NEAR(PsnrDb(mse), 34.1514, 1e-3);
  EXPECT_EQ(PsnrDb(0), kPsnrDbMax);
  EXPECT_EQ(PsnrDb(1e-30), kPsnrDbMax);
}

TEST(PictureMetricsTest, SsimOfKnownPictures) {
  const MetricPicture a = AreaDownscale(Texture({33, 21}, 0), 1);
  EXPECT_NEAR(Ssim(a, a), 1, 1e-9);
  EXPECT_LT(Ssim(a, AreaDownscale(Texture({33, 21}, 5), 1)), 0.7);
  // Two flat pictures: only the luminance term is left.
  const auto flat = [](int value) {
    return AreaDownscale(
        MakeFrame({3, 5}, SampleType::kU8, [value](int, int, int) { return value; }), 1);
  };
  const double c1 = 2.55 * 2.55;
  EXPECT_NEAR(Ssim(flat(50), flat(100)), (2 * 50 * 100 + c1) / (50 * 50 + 100 * 100 + c1), 1e-4);
}

TEST(PictureMetricsTest, ShiftedLumaFindsAMovedPicture) {
  const Frame original = Texture({24, 16}, 3);
  const auto moved = [&](int dx, int dy) {
    return MakeFrame({48, 32}, SampleType::kU8, [&](int plane, int x, int y) {
      const int from_x = std::clamp(x - dx, 0, 47) / 2, from_y = std::clamp(y - dy, 0, 31) / 2;
      return original.row(plane, from_y)[from_x];
    });
  };
  const MetricPicture wanted = AreaDownscale(original, 1);
  EXPECT_LT(MeanSquaredError(ShiftedLuma(moved(0, 0), 2, 0, 0), wanted.luma), 1e-4);
  const Frame right = moved(1, 0);
  EXPECT_GT(MeanSquaredError(ShiftedLuma(right, 2, 0, 0), wanted.luma), 100);
  EXPECT_LT(MeanSquaredError(ShiftedLuma(right, 2, 1, 0), wanted.luma),
            0.2 * MeanSquaredError(ShiftedLuma(right, 2, 0, 0), wanted.luma));
  const Frame up = moved(0, -1);
  EXPECT_LT(MeanSquaredError(ShiftedLuma(up, 2, 0, -1), wanted.luma),
            0.2 * MeanSquaredError(ShiftedLuma(up, 2, 0, 0), wanted.luma));
}

TEST(PictureMetricsTest, MeanLumaOfBlackAndWhite) {
  const auto grey = [](int value) {
    return MakeFrame({2, 2}, SampleType::kU16, [value](int, int, int) { return value; });
  };
  EXPECT_EQ(MeanLuma(AreaDownscale(grey(0), 1)), 0);
  EXPECT_NEAR(MeanLuma(AreaDownscale(grey(65535), 2)), 255, 1e-3);
}

}  // namespace
}  // namespace octoscale
