// Animated pictures are videos.
#include <filesystem>

#include "gmock/gmock.h"
#include "pipeline/test_run.h"

namespace octoscale {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Kind {
  const char* name;
  const char* encoder;
};

class AnimationTest : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=10 -frames:v 5 -vf format=rgb24 " +
           std::string(GetParam().encoder) + " " + Quote(input_));
  }
  TempDir dir_;
  std::string input_ = dir_ / GetParam().name;
};

TEST_P(AnimationTest, EveryPictureAndTimeIsKept) {
  const PipelineReport report = DoubleOk(input_, dir_ / "out.mp4");
  EXPECT_EQ(report.frames, 5);
  EXPECT_EQ(report.width, 128);
  EXPECT_THAT(FrameTimes(dir_ / "out.mp4"), ElementsAre(0, 0.1, 0.2, 0.3, 0.4));
  EXPECT_NEAR(std::stod(VideoEntry(dir_ / "out.mp4", "duration")), 0.5, 0.002);
}

TEST_P(AnimationTest, PartsCanBeTaken) {
  PipelineOptions options;
  options.reader.start_seconds = 0.2;
  options.reader.frames = 2;
  DoubleOk(input_, dir_ / "part.mp4", options);
  EXPECT_THAT(FrameTimes(dir_ / "part.mp4"), ElementsAre(0, 0.1));
}

INSTANTIATE_TEST_SUITE_P(Formats, AnimationTest,
                         ::testing::Values(Kind{"in.webp", "-c:v libwebp_anim -lossless 1"},
                                           Kind{"in.gif", ""}, Kind{"in.apng", "-c:v apng"}),
                         [](const auto& test) { return std::string(test.param.name).substr(3); });

// The name of a file that is there is no pattern.
TEST(ApngTest, RealFileNamedLikeASequence) {
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=10 -frames:v 3 -f apng " + Quote(dir / "plain.png"));
  std::filesystem::rename(dir / "plain.png", dir / "in%d.png");
  EXPECT_EQ(DoubleOk(dir / "in%d.png", dir / "out.mkv").frames, 3);
}

TEST(WebpAnimationTest, LosslessPicturesArrive) {
  TempDir dir;
  Ffmpeg(
      "-f lavfi -i testsrc2=s=64x48:r=10 -frames:v 3 -vf format=bgra -c:v libwebp_anim "
      "-lossless 1 " +
      Quote(dir / "in.webp"));
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=10 -frames:v 3 -vf format=bgra -c:v ffv1 " +
         Quote(dir / "same.mkv"));
  DoubleOk(dir / "in.webp", dir / "out.mkv", WithCodec("ffv1"));
  EXPECT_EQ(FrameHashes(dir / "out.mkv", "bgra"),
            FrameHashes(dir / "same.mkv", "bgra", "scale=128:96:flags=neighbor"));
}

TEST(WebpAnimationTest, CutOffFileIsAnError) {
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=10 -frames:v 5 -vf format=bgra -c:v libwebp_anim " +
         Quote(dir / "in.webp"));
  const auto size = std::filesystem::file_size(dir / "in.webp");
  for (const auto part : {size - 10, size / 2, size / 20}) {
    std::filesystem::resize_file(dir / "in.webp", part);
    const auto report = Double(dir / "in.webp", dir / "out.mp4");
    ASSERT_FALSE(report.ok()) << part;
    EXPECT_THAT(report.status().message(), HasSubstr("in.webp")) << part;
    EXPECT_THAT(dir.Names(), ElementsAre("in.webp"));
  }
}

}  // namespace
}  // namespace octoscale
