#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "image/image.h"
#include "image/test_images.h"

namespace octoscale {
namespace {

using testing::Gradient;
using testing::JpegSpec;
using testing::LibjpegEncode;

// "Exif", a little- or big-endian TIFF header and one entry.
std::vector<uint8_t> Exif(int orientation, bool big_endian) {
  const auto value = static_cast<uint8_t>(orientation);
  if (big_endian) {
    return {'E', 'x',  'i', 'f', 0, 0, 'M', 'M', 0, 42,    0, 0, 0, 8, 0, 1,
            1,   0x12, 0,   3,   0, 0, 0,   1,   0, value, 0, 0, 0, 0, 0, 0};
  }
  return {'E',  'x', 'i', 'f', 0, 0, 'I', 'I', 42,    0, 8, 0, 0, 0, 1, 0,
          0x12, 1,   3,   0,   1, 0, 0,   0,   value, 0, 0, 0, 0, 0, 0, 0};
}

// 32x16, left half dark and right half bright, with the top eight rows brighter by 40.
std::vector<uint8_t> Quadrants() {
  std::vector<uint8_t> rows;
  for (int y = 0; y < 16; ++y) {
    for (int x = 0; x < 32; ++x) {
      rows.insert(rows.end(), 3, static_cast<uint8_t>((x < 16 ? 40 : 160) + (y < 8 ? 40 : 0)));
    }
  }
  return rows;
}

// Top left, top right, bottom left, bottom right, as 0..3 by rising brightness.
std::string Corners(const Frame& frame) {
  std::string corners;
  for (int y : {1, frame.height() - 2}) {
    for (int x : {1, frame.width() - 2}) {
      corners +=
          static_cast<char>('0' + (frame.row(0, y)[x] - 20) / 40 - (frame.row(0, y)[x] > 120));
    }
  }
  return corners;
}

TEST(JpegOrientationTest, EveryOrientationIsUprighted) {
  // As stored, the corners are 1 3 / 0 2.
  const std::vector<std::string> expected = {"1302", "3120", "2031", "0213",
                                             "1032", "0123", "2301", "3210"};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    for (bool big_endian : {false, true}) {
      const auto bytes = LibjpegEncode(
          {.width = 32, .height = 16, .app1 = Exif(orientation, big_endian)}, Quadrants());
      auto image = DecodeImage(bytes);
      ASSERT_TRUE(image.ok()) << image.status().message();
      EXPECT_EQ(Corners(image->frame), expected[orientation - 1]) << "orientation " << orientation;
      EXPECT_EQ(image->frame.width(), orientation < 5 ? 32 : 16);
      EXPECT_EQ(ReadImageHeader(bytes)->size, image->frame.size());
    }
  }
}

TEST(JpegOrientationTest, DamagedExifIsIgnored) {
  for (int orientation : {0, 9, 255}) {
    auto image = DecodeImage(
        LibjpegEncode({.width = 32, .height = 16, .app1 = Exif(orientation, false)}, Quadrants()));
    ASSERT_TRUE(image.ok());
    EXPECT_EQ(Corners(image->frame), "1302");
  }
  const std::vector<uint8_t> whole = Exif(6, true);
  for (size_t size = 1; size < 20; ++size) {
    EXPECT_TRUE(
        DecodeImage(LibjpegEncode(
                        {.width = 32, .height = 16, .app1 = {whole.begin(), whole.begin() + size}},
                        Quadrants()))
            .ok());
  }
}

TEST(JpegDecodeTest, GreyIsExpanded) {
  auto image = DecodeImage(LibjpegEncode({.width = 8, .height = 8, .space = JCS_GRAYSCALE},
                                         std::vector<uint8_t>(64, 77)));
  ASSERT_TRUE(image.ok()) << image.status().message();
  EXPECT_EQ(image->format, ImageFormat::kJpeg);
  for (int plane = 0; plane < 3; ++plane) EXPECT_NEAR(image->frame.row(plane, 4)[4], 77, 1);
}

TEST(JpegDecodeTest, AdobeCmykIsConverted) {
  std::vector<uint8_t> rows;
  for (int i = 0; i < 64; ++i) rows.insert(rows.end(), {255, 128, 0, 204});  // inverted inks
  auto bytes = LibjpegEncode({.width = 8, .height = 8, .space = JCS_CMYK}, rows);
  auto image = DecodeImage(bytes);
  ASSERT_TRUE(image.ok()) << image.status().message();
  EXPECT_NEAR(image->frame.row(0, 4)[4], 204, 2);
  EXPECT_NEAR(image->frame.row(1, 4)[4], 128 * 204 / 255, 2);
  EXPECT_NEAR(image->frame.row(2, 4)[4], 0, 2);
}

TEST(JpegRoundTripTest, StaysCloseAndKeepsTheProfile) {
  Image image;
  image.frame = Frame({40, 24}, SampleType::kU16);
  for (int plane = 0; plane < 3; ++plane) {
    for (int y = 0; y < 24; ++y) {
      for (int x = 0; x < 40; ++x) image.frame.row16(plane, y)[x] = (30 + 4 * x + y) * 257;
    }
  }
  image.icc_profile.assign(70'000, 7);  // more than one marker holds
  std::copy_n("RGB ", 4, image.icc_profile.begin() + 16);
  auto bytes = EncodeJpeg(image);
  ASSERT_TRUE(bytes.ok()) << bytes.status().message();
  auto decoded = DecodeImage(*bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status().message();
  EXPECT_EQ(decoded->icc_profile, image.icc_profile);
  for (int x = 0; x < 40; ++x) EXPECT_NEAR(decoded->frame.row(1, 12)[x], 42 + 4 * x, 4);
}

TEST(JpegDamageTest, EveryTruncationIsAnError) {
  for (bool progressive : {false, true}) {
    const auto bytes =
        LibjpegEncode({.width = 32, .height = 16, .progressive = progressive}, Quadrants());
    for (size_t size = 0; size + 2 < bytes.size(); ++size) {
      auto image = DecodeImage(std::span(bytes).first(size));
      ASSERT_FALSE(image.ok()) << size << " of " << bytes.size() << " bytes";
      EXPECT_EQ(image.status().code(),
                size < 3 ? StatusCode::kUnsupported : StatusCode::kCorruptInput);
    }
  }
}

TEST(JpegDamageTest, FlippedBytesNeverCrash) {
  const auto bytes =
      LibjpegEncode({.width = 32, .height = 16, .app1 = Exif(6, false)}, Quadrants());
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::vector<uint8_t> damaged = bytes;
    damaged[i] ^= 0x41;
    const Result<Image> image = DecodeImage(damaged, {.pixels_max = 1 << 20});
    if (image.ok()) {
      EXPECT_FALSE(image->frame.empty());
    }
  }
}

TEST(JpegLimitsTest, SizeIsRefusedBeforePixelsAreRead) {
  auto bytes = LibjpegEncode({.width = 32, .height = 16}, Quadrants());
  const uint8_t frame_header[] = {0xFF, 0xC0};
  auto found =
      std::search(bytes.begin(), bytes.end(), std::begin(frame_header), std::end(frame_header));
  ASSERT_NE(found, bytes.end());
  std::fill_n(found + 5, 4, uint8_t{0x7F});  // height and width 32639
  auto image = DecodeImage(bytes);
  ASSERT_FALSE(image.ok());
  EXPECT_EQ(image.status().code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(image.status().message(), ::testing::HasSubstr("32639x32639"));
}

TEST(JpegEncodeTest, RefusesAlphaAndBadQuality) {
  Image image;
  image.frame = Gradient({4, 4}, SampleType::kU8);
  EXPECT_EQ(EncodeJpeg(image, {.jpeg_quality = 0}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(EncodeJpeg(image, {.jpeg_quality = 101}).status().code(), StatusCode::kInvalidArgument);
  image.alpha.emplace(FrameSize{4, 4}, SampleType::kU8);
  const Status status = EncodeJpeg(image).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), ::testing::HasSubstr("PNG"));
}

TEST(ImageFormatTest, OnlyPngAndJpegAreKnown) {
  const std::string text = "this is a letter, not a picture";
  const Status status =
      DecodeImage({reinterpret_cast<const uint8_t*>(text.data()), text.size()}).status();
  EXPECT_EQ(status.code(), StatusCode::kUnsupported);
  EXPECT_EQ(ImageFormatFromPath("a.b/C.PNG"), ImageFormat::kPng);
  EXPECT_EQ(ImageFormatFromPath("x.jpeg"), ImageFormat::kJpeg);
  EXPECT_EQ(ImageFormatFromPath("x.mp4"), std::nullopt);
  EXPECT_EQ(ImageFormatFromPath("png"), std::nullopt);
}

}  // namespace
}  // namespace octoscale
