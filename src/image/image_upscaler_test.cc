#include "image/image_upscaler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/test_images.h"

namespace octoscale {
namespace {

// Repeats every pixel and takes 3 off, so that nothing stays at the upper extreme by itself.
class DarkeningUpscaler : public FrameUpscaler {
 public:
  explicit DarkeningUpscaler(int scale) { info_.scale = scale; }
  const UpscalerInfo& info() const override { return info_; }
  Result<std::vector<Frame>> Upscale(std::vector<Frame> batch, const CancelToken& cancel) override {
    OCTO_RETURN_IF_ERROR(cancel.Check());
    std::vector<Frame> out;
    for (const Frame& in : batch) {
      Frame frame({in.width() * info_.scale, in.height() * info_.scale}, in.sample_type());
      for (int plane = 0; plane < 3; ++plane) {
        for (int y = 0; y < frame.height(); ++y) {
          for (int x = 0; x < frame.width(); ++x) Put(in, frame, plane, x, y);
        }
      }
      out.push_back(std::move(frame));
    }
    return out;
  }

 private:
  void Put(const Frame& in, Frame& out, int plane, int x, int y) const {
    const int sx = x / info_.scale, sy = y / info_.scale;
    if (in.sample_type() == SampleType::kU8) {
      out.row(plane, y)[x] = static_cast<uint8_t>(std::max(in.row(plane, sy)[sx] - 3, 0));
    } else {
      out.row16(plane, y)[x] = static_cast<uint16_t>(std::max(in.row16(plane, sy)[sx] - 3, 0));
    }
  }
  UpscalerInfo info_;
};

TEST(ImageUpscalerTest, SizeTypeAndProfileFollow) {
  for (SampleType type : {SampleType::kU8, SampleType::kU16}) {
    Image image;
    image.frame = testing::Gradient({5, 3}, type);
    image.icc_profile = {1, 2, 3};
    DarkeningUpscaler upscaler(4);
    auto result = UpscaleImage(std::move(image), upscaler);
    ASSERT_TRUE(result.ok()) << result.status().message();
    EXPECT_EQ(result->frame.size(), (FrameSize{20, 12}));
    EXPECT_EQ(result->frame.sample_type(), type);
    EXPECT_EQ(result->icc_profile.size(), 3u);
    EXPECT_FALSE(result->alpha.has_value());
  }
}

TEST(ImageUpscalerTest, FlatAlphaStaysExactAndEdgesAreUpscaled) {
  Image image;
  image.frame = testing::Gradient({8, 8}, SampleType::kU8);
  image.alpha.emplace(FrameSize{8, 8}, SampleType::kU8);
  for (int y = 0; y < 8; ++y) {
    for (int x = 0; x < 8; ++x) image.alpha->row(y)[x] = x < 4 ? 0 : 255;
  }
  DarkeningUpscaler upscaler(2);
  auto result = UpscaleImage(std::move(image), upscaler);
  ASSERT_TRUE(result.ok()) << result.status().message();
  ASSERT_TRUE(result->alpha.has_value());
  EXPECT_EQ(result->alpha->size, (FrameSize{16, 16}));
  const std::vector<uint8_t> row(result->alpha->row(7), result->alpha->row(7) + 16);
  EXPECT_THAT(
      row, ::testing::ElementsAre(0, 0, 0, 0, 0, 0, 0, 0, 252, 252, 255, 255, 255, 255, 255, 255));
}

TEST(ImageUpscalerTest, TooLargeAResultIsRefusedBeforeWork) {
  Image image;
  image.frame = Frame({kFrameSideMax / 4 + 1, 1}, SampleType::kU8);
  DarkeningUpscaler upscaler(4);
  const Status status = UpscaleImage(std::move(image), upscaler).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), ::testing::HasSubstr("8193x1"));
}

TEST(ImageUpscalerTest, CancellationComesBack) {
  Image image;
  image.frame = testing::Gradient({5, 3}, SampleType::kU8);
  DarkeningUpscaler upscaler(2);
  CancelToken cancel;
  cancel.Cancel();
  EXPECT_EQ(UpscaleImage(std::move(image), upscaler, cancel).status().code(),
            StatusCode::kCancelled);
}

}  // namespace
}  // namespace octoscale
