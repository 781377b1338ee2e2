#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/codecs.h"
#include "image/test_images.h"

namespace octoscale {
namespace {

AlphaPlane Ramp(FrameSize size, SampleType type) {
  AlphaPlane alpha(size, type);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      const int value = x * 255 / (size.width - 1);
      if (type == SampleType::kU8) alpha.row(y)[x] = static_cast<uint8_t>(value);
      if (type == SampleType::kU16) {
        reinterpret_cast<uint16_t*>(alpha.row(y))[x] = static_cast<uint16_t>(257 * value);
      }
    }
  }
  return alpha;
}

TEST(WebpTest, KeepsEverySampleAlphaAndProfile) {
  Image image;
  image.frame = testing::Gradient({20, 10}, SampleType::kU8);
  image.alpha = Ramp({20, 10}, SampleType::kU8);
  image.icc_profile.assign(200, 7);
  image.icc_profile[16] = 'R';
  image.icc_profile[17] = 'G';
  image.icc_profile[18] = 'B';
  image.icc_profile[19] = ' ';
  const auto encoded = EncodeWebp(image);
  ASSERT_TRUE(encoded.ok()) << encoded.status().message();
  const auto decoded = DecodeWebp(*encoded, {});
  ASSERT_TRUE(decoded.ok()) << decoded.status().message();
  EXPECT_EQ(decoded->icc_profile, image.icc_profile);
  ASSERT_TRUE(decoded->alpha);
  for (int y = 0; y < 10; ++y) {
    for (int x = 0; x < 20; ++x) {
      ASSERT_EQ(decoded->alpha->row(y)[x], image.alpha->row(y)[x]);
      if (image.alpha->row(y)[x] == 0) continue;  // colours that nobody sees may change
      for (int p = 0; p < 3; ++p) ASSERT_EQ(decoded->frame.row(p, y)[x], image.frame.row(p, y)[x]);
    }
  }
}

TEST(WebpTest, SixteenBitsAreRounded) {
  Image image;
  image.frame = testing::Gradient({9, 5}, SampleType::kU16);
  const auto encoded = EncodeWebp(image);
  ASSERT_TRUE(encoded.ok());
  const auto decoded = DecodeWebp(*encoded, {});
  ASSERT_TRUE(decoded.ok());
  EXPECT_FALSE(decoded->alpha);
  for (int x = 0; x < 9; ++x) {
    EXPECT_EQ(decoded->frame.row(1, 2)[x], (image.frame.row16(1, 2)[x] + 128) / 257);
  }
}

TEST(WebpTest, EveryTruncationIsAnError) {
  Image image;
  image.frame = testing::Gradient({20, 10}, SampleType::kU8);
  const auto encoded = EncodeWebp(image);
  ASSERT_TRUE(encoded.ok());
  for (size_t size = 0; size < encoded->size(); ++size) {
    const auto cut = DecodeWebp({encoded->data(), size}, {});
    // A byte of padding at the end is no part of the picture.
    if (size + 1 >= encoded->size()) continue;
    EXPECT_FALSE(cut.ok()) << size;
  }
}

TEST(WebpTest, FlippedBytesNeverCrash) {
  Image image;
  image.frame = testing::Gradient({20, 10}, SampleType::kU8);
  image.alpha = Ramp({20, 10}, SampleType::kU8);
  const auto encoded = EncodeWebp(image);
  ASSERT_TRUE(encoded.ok());
  for (size_t i = 0; i < encoded->size(); ++i) {
    std::vector<uint8_t> damaged = *encoded;
    damaged[i] ^= 0x55;
    const auto decoded = DecodeWebp(damaged, {});
    if (!decoded.ok()) continue;
    EXPECT_GT(decoded->frame.width(), 0);
  }
}

TEST(WebpTest, LimitsAreHonoured) {
  const Frame wide({16384, 1}, SampleType::kU8);
  EXPECT_EQ(EncodeWebp(wide).status().code(), StatusCode::kInvalidArgument);
  Image image;
  image.frame = testing::Gradient({20, 10}, SampleType::kU8);
  const auto encoded = EncodeWebp(image);
  ASSERT_TRUE(encoded.ok());
  ImageLimits limits;
  limits.width_max = 19;
  EXPECT_EQ(DecodeWebp(*encoded, limits).status().code(), StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace octoscale
