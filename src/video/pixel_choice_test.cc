#include "video/pixel_choice.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octoscale {
namespace {

using ::testing::HasSubstr;

std::string Choose(const char* encoder, const char* source, FrameSize size = {64, 48}) {
  const AVCodec* codec = avcodec_find_encoder_by_name(encoder);
  EXPECT_NE(codec, nullptr) << encoder;
  PixelRequest request;
  request.source = av_get_pix_fmt(source);
  request.size = size;
  std::vector<std::string> warnings;
  const Result<AVPixelFormat> chosen = ChoosePixelFormat(*codec, request, &warnings);
  EXPECT_TRUE(chosen.ok()) << chosen.status().message();
  return chosen.ok() ? av_get_pix_fmt_name(*chosen) : "";
}

TEST(PixelChoiceTest, AutoKeepsDepthAndChroma) {
  EXPECT_EQ(Choose("libx264", "yuv420p"), "yuv420p");
  EXPECT_EQ(Choose("libx264", "yuvj420p"), "yuv420p");
  EXPECT_EQ(Choose("libx264", "nv12"), "yuv420p");
  EXPECT_EQ(Choose("libx264", "yuyv422"), "yuv422p");
  EXPECT_EQ(Choose("libx264", "p010le"), "yuv420p10le");
  EXPECT_EQ(Choose("libx264", "yuv422p10le"), "yuv422p10le");
  EXPECT_EQ(Choose("libx264", "yuv411p"), "yuv422p");
  EXPECT_EQ(Choose("libx264", "rgb24"), "yuv444p");
  EXPECT_EQ(Choose("libx265", "yuv420p12le"), "yuv420p12le");
  EXPECT_EQ(Choose("libx265", "gbrp10le"), "gbrp10le");
  EXPECT_EQ(Choose("libsvtav1", "yuv444p10le"), "yuv420p10le");
  EXPECT_EQ(Choose("libvpx-vp9", "yuv420p"), "yuv420p");
  EXPECT_EQ(Choose("prores_ks", "yuv420p"), "yuv422p10le");
  EXPECT_EQ(Choose("ffv1", "pal8"), "bgr0");
  EXPECT_EQ(Choose("ffv1", "gray"), "gray");
  EXPECT_EQ(Choose("ffv1", "gbrp10le"), "gbrp10le");
}

TEST(PixelChoiceTest, OddSizesAvoidSubsampledChromaWhereTheEncoderMustHaveEven) {
  EXPECT_EQ(Choose("libx264", "yuv420p", {99, 51}), "yuv444p");
  EXPECT_EQ(Choose("libx264", "yuv420p10le", {99, 51}), "yuv444p10le");
  EXPECT_EQ(Choose("libx264", "yuv420p", {98, 51}), "yuv422p");
  EXPECT_EQ(Choose("libvpx-vp9", "yuv420p", {99, 51}), "yuv420p");
  EXPECT_EQ(Choose("ffv1", "yuv420p", {99, 51}), "yuv420p");
}

// Encoders of graphics cards: what they take from system memory, or what is brought to the card.
TEST(PixelChoiceTest, HardwareEncodersGetWhatTheyTake) {
  const struct {
    const char* encoder;
    const char* eight_bits;
    const char* ten_bits;
  } expected[] = {{"h264_nvenc", "yuv420p", "yuv420p"}, {"hevc_nvenc", "yuv420p", "p010le"},
                  {"h264_qsv", "nv12", "nv12"},         {"hevc_qsv", "nv12", "p010le"},
                  {"vp9_qsv", "nv12", "p010le"},        {"h264_vaapi", "nv12", "nv12"},
                  {"hevc_vaapi", "nv12", "p010le"},     {"vp9_vaapi", "nv12", "p010le"}};
  for (const auto& [encoder, eight_bits, ten_bits] : expected) {
    if (avcodec_find_encoder_by_name(encoder) == nullptr) continue;
    EXPECT_EQ(Choose(encoder, "yuv420p"), eight_bits) << encoder;
    EXPECT_EQ(Choose(encoder, "yuv420p10le"), ten_bits) << encoder;
  }
}

TEST(PixelChoiceTest, EightBitHdrIsRefused) {
  PixelRequest request;
  request.source = AV_PIX_FMT_YUV420P10LE;
  request.size = {64, 48};
  request.hdr = true;
  request.name = "yuv420p";
  std::vector<std::string> warnings;
  const Result<AVPixelFormat> chosen =
      ChoosePixelFormat(*avcodec_find_encoder_by_name("libx264"), request, &warnings);
  ASSERT_FALSE(chosen.ok());
  EXPECT_EQ(chosen.status().code(), StatusCode::kUnsupported);
  EXPECT_THAT(chosen.status().message(), HasSubstr("8 bits"));
}

TEST(PixelChoiceTest, LostBitsAreNamed) {
  PixelRequest request;
  request.source = AV_PIX_FMT_YUV420P10LE;
  request.size = {64, 48};
  std::vector<std::string> warnings;
  ASSERT_TRUE(ChoosePixelFormat(*avcodec_find_encoder_by_name("mpeg4"), request, &warnings).ok());
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings[0], HasSubstr("from 10 to 8 bits"));
}

}  // namespace
}  // namespace octoscale
