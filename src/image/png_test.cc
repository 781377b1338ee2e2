#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libdeflate.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <numeric>
#include <string>

#include "image/image.h"
#include "image/test_images.h"

namespace octoscale {
namespace {

using testing::Gradient;
using testing::LibpngEncode;
using testing::PngSpec;

Image WithAlpha(FrameSize size, SampleType type) {
  Image image;
  image.frame = Gradient(size, type);
  image.alpha.emplace(size, type);
  for (size_t i = 0; i < image.alpha->samples.size(); ++i) {
    image.alpha->samples[i] = static_cast<uint8_t>(i * 31);
  }
  return image;
}

// The smallest header that counts as a profile of RGB.
std::vector<uint8_t> IccProfile(const char* space) {
  std::vector<uint8_t> profile(400, 0);
  profile[3] = 144;  // size, big-endian: 400
  profile[2] = 1;
  profile[8] = 4;  // version 4
  std::copy_n("mntr", 4, profile.begin() + 12);
  std::copy_n(space, 4, profile.begin() + 16);
  std::copy_n("XYZ ", 4, profile.begin() + 20);
  std::copy_n("acsp", 4, profile.begin() + 36);
  const uint8_t d50[] = {0, 0, 0xF6, 0xD6, 0, 1, 0, 0, 0, 0, 0xD3, 0x2D};
  std::copy(std::begin(d50), std::end(d50), profile.begin() + 68);
  // libpng drops profiles that compress to almost nothing.
  for (size_t i = 132; i < profile.size(); ++i) profile[i] = static_cast<uint8_t>(i * i >> 3);
  return profile;
}

class PngRoundTripTest : public ::testing::TestWithParam<std::tuple<SampleType, bool, int>> {};

TEST_P(PngRoundTripTest, KeepsEverySample) {
  const auto [type, alpha, width] = GetParam();
  Image image = WithAlpha({width, 5}, type);
  if (!alpha) image.alpha.reset();
  for (PngEffort effort : {PngEffort::kFast, PngEffort::kSmall}) {
    auto bytes = EncodePng(image, {.png_effort = effort});
    ASSERT_TRUE(bytes.ok()) << bytes.status().message();
    auto decoded = DecodeImage(*bytes);
    ASSERT_TRUE(decoded.ok()) << decoded.status().message();
    EXPECT_EQ(decoded->format, ImageFormat::kPng);
    EXPECT_TRUE(decoded->frame.SamePixels(image.frame));
    ASSERT_EQ(decoded->alpha.has_value(), alpha);
    EXPECT_EQ(ReadImageHeader(*bytes)->has_alpha, alpha);
    if (alpha) {
      EXPECT_EQ(std::memcmp(decoded->alpha->samples.data(), image.alpha->samples.data(),
                            image.alpha->samples.size()),
                0);
    }
  }
}

std::string ShapeName(const ::testing::TestParamInfo<std::tuple<SampleType, bool, int>>& shape) {
  const auto [type, alpha, width] = shape.param;
  return std::string(type == SampleType::kU8 ? "Rgb8" : "Rgb16") + (alpha ? "Alpha" : "") +
         "Width" + std::to_string(width);
}

INSTANTIATE_TEST_SUITE_P(Shapes, PngRoundTripTest,
                         ::testing::Combine(::testing::Values(SampleType::kU8, SampleType::kU16),
                                            ::testing::Bool(),
                                            ::testing::Values(1, 2, 16, 33, 257)),
                         ShapeName);

TEST(PngDecodeTest, GreyAndInterlacedAreExpanded) {
  std::vector<uint8_t> grey(13 * 9);
  std::iota(grey.begin(), grey.end(), uint8_t{3});
  for (int interlace : {PNG_INTERLACE_NONE, PNG_INTERLACE_ADAM7}) {
    auto image = DecodeImage(LibpngEncode(
        {.width = 13, .height = 9, .color_type = PNG_COLOR_TYPE_GRAY, .interlace = interlace},
        grey));
    ASSERT_TRUE(image.ok()) << image.status().message();
    EXPECT_FALSE(image->alpha.has_value());
    for (int plane = 0; plane < 3; ++plane) EXPECT_EQ(image->frame.row(plane, 8)[12], grey.back());
    EXPECT_EQ(image->frame.row(1, 2)[5], grey[2 * 13 + 5]);
  }
}

TEST(PngDecodeTest, OneBitIsBlackAndWhite) {
  auto image = DecodeImage(LibpngEncode(
      {.width = 8, .height = 1, .bit_depth = 1, .color_type = PNG_COLOR_TYPE_GRAY}, {0xA5}));
  ASSERT_TRUE(image.ok()) << image.status().message();
  const std::vector<uint8_t> row(image->frame.row(0, 0), image->frame.row(0, 0) + 8);
  EXPECT_THAT(row, ::testing::ElementsAre(255, 0, 255, 0, 0, 255, 0, 255));
}

TEST(PngDecodeTest, PaletteWithTransparencyGivesAlpha) {
  const auto bytes = LibpngEncode({.width = 4,
                                   .height = 1,
                                   .bit_depth = 2,
                                   .color_type = PNG_COLOR_TYPE_PALETTE,
                                   .palette = {{1, 2, 3}, {40, 50, 60}, {255, 0, 9}},
                                   .palette_alpha = {0, 128}},
                                  {0b00011000});
  auto image = DecodeImage(bytes);
  ASSERT_TRUE(image.ok()) << image.status().message();
  ASSERT_TRUE(image->alpha.has_value());
  EXPECT_TRUE(ReadImageHeader(bytes)->has_alpha);
  EXPECT_EQ(image->frame.row(2, 0)[1], 60);
  EXPECT_EQ(image->frame.row(0, 0)[2], 255);
  const std::vector<uint8_t> alpha(image->alpha->row(0), image->alpha->row(0) + 4);
  EXPECT_THAT(alpha, ::testing::ElementsAre(0, 128, 255, 0));
}

TEST(PngDecodeTest, SixteenBitsKeepTheirByteOrder) {
  auto image = DecodeImage(
      LibpngEncode({.width = 1, .height = 1, .bit_depth = 16}, {0x12, 0x34, 0, 1, 0xFF, 0xFE}));
  ASSERT_TRUE(image.ok()) << image.status().message();
  EXPECT_EQ(image->frame.row16(0, 0)[0], 0x1234);
  EXPECT_EQ(image->frame.row16(1, 0)[0], 1);
  EXPECT_EQ(image->frame.row16(2, 0)[0], 0xFFFE);
}

TEST(PngDecodeTest, LibpngReadsWhatWeWrite) {
  const Frame frame = Gradient({37, 11}, SampleType::kU8);
  auto bytes = EncodePng(frame);
  ASSERT_TRUE(bytes.ok());
  png_image view = {};
  view.version = PNG_IMAGE_VERSION;
  ASSERT_TRUE(png_image_begin_read_from_memory(&view, bytes->data(), bytes->size()))
      << view.message;
  view.format = PNG_FORMAT_RGB;
  std::vector<uint8_t> pixels(PNG_IMAGE_SIZE(view));
  ASSERT_TRUE(png_image_finish_read(&view, nullptr, pixels.data(), 0, nullptr)) << view.message;
  EXPECT_TRUE(
      FrameFromInterleaved(pixels.data(), 37 * 3, {37, 11}, SampleType::kU8).SamePixels(frame));
}

TEST(PngIccTest, RgbProfileIsKeptAndGreyProfileDropped) {
  Image image;
  image.frame = Gradient({6, 6}, SampleType::kU8);
  image.icc_profile = IccProfile("RGB ");
  auto decoded = DecodeImage(*EncodePng(image));
  ASSERT_TRUE(decoded.ok()) << decoded.status().message();
  EXPECT_EQ(decoded->icc_profile, image.icc_profile);

  image.icc_profile = IccProfile("GRAY");
  decoded = DecodeImage(*EncodePng(image));
  ASSERT_TRUE(decoded.ok()) << decoded.status().message();
  EXPECT_TRUE(decoded->icc_profile.empty());
}

TEST(PngDamageTest, EveryTruncationIsAnError) {
  auto bytes = EncodePng(WithAlpha({9, 7}, SampleType::kU8));
  ASSERT_TRUE(bytes.ok());
  for (size_t size = 0; size < bytes->size(); ++size) {
    auto image = DecodeImage(std::span(*bytes).first(size));
    ASSERT_FALSE(image.ok()) << size << " of " << bytes->size() << " bytes";
    EXPECT_EQ(image.status().code(),
              size < 8 ? StatusCode::kUnsupported : StatusCode::kCorruptInput);
  }
}

TEST(PngDamageTest, FlippedBytesNeverCrash) {
  auto bytes = EncodePng(WithAlpha({9, 7}, SampleType::kU16));
  ASSERT_TRUE(bytes.ok());
  int errors = 0;
  for (size_t i = 0; i < bytes->size(); ++i) {
    std::vector<uint8_t> damaged = *bytes;
    damaged[i] ^= 0x41;
    errors += DecodeImage(damaged).ok() ? 0 : 1;
  }
  EXPECT_EQ(errors, static_cast<int>(bytes->size()));  // every byte is under a checksum
}

TEST(PngLimitsTest, SizeIsRefusedBeforePixelsAreRead) {
  auto bytes = LibpngEncode(
      {.width = 20000, .height = 20000, .bit_depth = 1, .color_type = PNG_COLOR_TYPE_GRAY},
      std::vector<uint8_t>(2500 * 20000));
  ASSERT_LT(bytes.size(), 100'000u);  // a decompression bomb
  auto image = DecodeImage(bytes);
  ASSERT_FALSE(image.ok());
  EXPECT_EQ(image.status().code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(image.status().message(), ::testing::HasSubstr("20000x20000"));

  bytes.resize(60);  // the header alone is enough to refuse
  EXPECT_EQ(ReadImageHeader(bytes).status().code(), StatusCode::kResourceExhausted);
}

std::vector<uint8_t> PngChunk(const std::string& type, const std::vector<uint8_t>& data) {
  std::vector<uint8_t> chunk(type.begin(), type.end());
  chunk.insert(chunk.end(), data.begin(), data.end());
  const uint32_t checksum = libdeflate_crc32(0, chunk.data(), chunk.size());
  for (int i = 0; i < 4; ++i) {
    chunk.insert(chunk.begin() + i, static_cast<uint8_t>(data.size() >> (24 - 8 * i)));
    chunk.push_back(static_cast<uint8_t>(checksum >> (24 - 8 * i)));
  }
  return chunk;
}

std::vector<uint8_t> Deflated(const std::vector<uint8_t>& bytes) {
  libdeflate_compressor* compressor = libdeflate_alloc_compressor(6);
  std::vector<uint8_t> out(libdeflate_zlib_compress_bound(compressor, bytes.size()));
  out.resize(
      libdeflate_zlib_compress(compressor, bytes.data(), bytes.size(), out.data(), out.size()));
  libdeflate_free_compressor(compressor);
  return out;
}

// A picture of one pixel with `copies` of a chunk before its pixel.
std::vector<uint8_t> OnePixelWith(const std::string& type, const std::string& start,
                                  const std::vector<uint8_t>& end, int copies) {
  std::vector<uint8_t> png = LibpngEncode({.width = 1, .height = 1}, {10, 20, 30});
  std::vector<uint8_t> data(start.begin(), start.end());
  data.insert(data.end(), end.begin(), end.end());
  const std::vector<uint8_t> chunk = PngChunk(type, data);
  const size_t after_header = 8 + 25;
  for (int i = 0; i < copies; ++i) {
    png.insert(png.begin() + after_header, chunk.begin(), chunk.end());
  }
  return png;
}

// The most memory that a process with no other work has used when it has decoded the picture; -1
// when that failed.
int64_t DecodingPeakBytes(const std::vector<uint8_t>& png) {
  const pid_t child = fork();
  if (child == 0) {
    const auto image = DecodeImage(png);
    _exit(image.ok() && image->frame.row(2, 0)[0] == 30 && ReadImageHeader(png).ok() ? 0 : 1);
  }
  int status = 0;
  rusage usage{};
  if (wait4(child, &status, 0, &usage) != child || status != 0) return -1;
  return int64_t{usage.ru_maxrss} << 10;
}

constexpr size_t kMegabyte = 1 << 20;

// How much more memory that takes than a picture of one pixel without such chunks.
void ExpectLittleMemory(const std::vector<uint8_t>& png) {
  const int64_t plain = DecodingPeakBytes(LibpngEncode({.width = 1, .height = 1}, {10, 20, 30}));
  const int64_t peak = DecodingPeakBytes(png);
  ASSERT_GT(plain, 0);
  ASSERT_GT(peak, 0) << "not decoded";
  EXPECT_LT(peak - plain, static_cast<int64_t>(64 * kMegabyte));
}

TEST(PngLimitsTest, TextIsNotUnpacked) {
  for (const auto& [type, start] : std::map<std::string, std::string>{
           {"zTXt", std::string("a\0\0", 3)}, {"iTXt", std::string("a\0\1\0\0\0", 6)}}) {
    const std::vector<uint8_t> bomb =
        OnePixelWith(type, start, Deflated(std::vector<uint8_t>(7 * kMegabyte, ' ')), 40);
    ASSERT_LT(bomb.size(), 500'000u);
    ExpectLittleMemory(bomb);
  }
}

TEST(PngLimitsTest, OneProfileOfBoundedSizeIsUnpacked) {
  for (const size_t size : {3 * kMegabyte, 5 * kMegabyte, 64 * kMegabyte}) {
    std::vector<uint8_t> profile = IccProfile("RGB ");
    for (int i = 0; i < 4; ++i) profile[i] = static_cast<uint8_t>(size >> (24 - 8 * i));
    profile.resize(size);
    const std::vector<uint8_t> png =
        OnePixelWith("iCCP", std::string("p\0\0", 3), Deflated(profile), 20);
    std::vector<uint8_t>().swap(profile);
    ExpectLittleMemory(png);
    EXPECT_EQ(DecodeImage(png)->icc_profile.size(), size == 3 * kMegabyte ? size : 0);
  }
}

TEST(PngLimitsTest, EachLimitIsHonoured) {
  auto bytes = EncodePng(Gradient({30, 20}, SampleType::kU8));
  ASSERT_TRUE(bytes.ok());
  EXPECT_TRUE(DecodeImage(*bytes, {.width_max = 30, .height_max = 20, .pixels_max = 600}).ok());
  for (const ImageLimits& limits :
       {ImageLimits{.width_max = 29}, ImageLimits{.height_max = 19}, ImageLimits{.pixels_max = 599},
        ImageLimits{.encoded_bytes_max = bytes->size() - 1}}) {
    EXPECT_EQ(DecodeImage(*bytes, limits).status().code(), StatusCode::kResourceExhausted);
    EXPECT_EQ(ReadImageHeader(*bytes, limits).status().code(), StatusCode::kResourceExhausted);
  }
}

TEST(PngEncodeTest, RefusesWhatDoesNotFit) {
  EXPECT_EQ(EncodePng(Frame()).status().code(), StatusCode::kInvalidArgument);
  Image image = WithAlpha({4, 4}, SampleType::kU8);
  image.alpha.emplace(FrameSize{4, 3}, SampleType::kU8);
  EXPECT_EQ(EncodePng(image).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace octoscale
