// Transparent videos: kept where encoder and container can, else refused by name.
#include <cmath>

#include "gmock/gmock.h"
#include "pipeline/test_run.h"
#include "video/colour.h"

namespace octoscale {
namespace {

using ::testing::HasSubstr;

constexpr int kWidth = 64;
constexpr int kHeight = 48;

// Transparent on the left, opaque on the right, a ramp between.
int AlphaAt(int x) { return std::clamp((x - 16) * 8, 0, 255); }

void MakeTransparent(const std::string& path, const std::string& encoder) {
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 3 -vf " +
         Quote("format=rgba,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='clip((X-16)*8,0,255)'") + " " +
         encoder + " " + Quote(path));
}

// The greatest difference to AlphaAt() at the output's scale of 2; -1 when there is no alpha.
int WorstAlphaError(const std::string& path) {
  const auto reader = VideoReader::Open(path, {});
  EXPECT_TRUE(reader.ok()) << reader.status().message();
  if (!reader.ok()) return -1;
  int worst = -1;
  int frames = 0;
  while (true) {
    const auto picture = (*reader)->Next();
    EXPECT_TRUE(picture.ok()) << picture.status().message();
    if (!picture.ok() || !picture->has_value()) break;
    ++frames;
    const auto alpha = AlphaOf(**picture, SampleType::kU8);
    EXPECT_TRUE(alpha.ok()) << alpha.status().message();
    if (!alpha.ok() || !alpha->has_value()) return -1;
    EXPECT_EQ((*alpha)->size, (FrameSize{2 * kWidth, 2 * kHeight}));
    for (int x = 0; x < 2 * kWidth; ++x) {
      worst = std::max(worst, std::abs((*alpha)->row(kHeight)[x] - AlphaAt(x / 2)));
    }
  }
  EXPECT_EQ(frames, 3);
  return worst;
}

struct Kind {
  const char* encoder;
  const char* name;
  int error_max;  // lossy encoders
};

class AlphaKeptTest : public ::testing::TestWithParam<Kind> {};

TEST_P(AlphaKeptTest, IsUpscaledAndEncoded) {
  TempDir dir;
  MakeTransparent(dir / "in.mov", "-c:v png");
  const std::string output = dir / GetParam().name;
  DoubleOk(dir / "in.mov", output, WithCodec(GetParam().encoder));
  const int error = WorstAlphaError(output);
  EXPECT_GE(error, 0);
  EXPECT_LE(error, GetParam().error_max);
}

INSTANTIATE_TEST_SUITE_P(Encoders, AlphaKeptTest,
                         ::testing::Values(Kind{"ffv1", "out.mkv", 0}, Kind{"png", "out.mov", 0},
                                           Kind{"qtrle", "out.mov", 0},
                                           Kind{"prores_ks", "out.mov", 1},
                                           Kind{"libvpx-vp9", "out.webm", 24},
                                           Kind{"libvpx", "out.webm", 24}),
                         [](const auto& test) {
                           std::string name = test.param.encoder;
                           std::erase_if(name, [](char c) { return !std::isalnum(c); });
                           return name;
                         });

TEST(AlphaTest, EverySourceIsRead) {
  TempDir dir;
  const std::pair<const char*, const char*> sources[] = {
      {"in.webm", "-c:v libvpx-vp9 -crf 10 -b:v 0 -auto-alt-ref 0 -pix_fmt yuva420p"},
      {"in8.webm", "-c:v libvpx -crf 4 -b:v 2M -auto-alt-ref 0 -pix_fmt yuva420p"},
      {"prores.mov", "-c:v prores_ks -profile:v 4444 -pix_fmt yuva444p10le"},
      {"rle.mov", "-c:v qtrle -pix_fmt argb"},
      {"in.mkv", "-c:v ffv1 -pix_fmt yuva420p"},
      {"in.apng", "-c:v apng"},
  };
  for (const auto& [name, encoder] : sources) {
    MakeTransparent(dir / name, encoder);
    const std::string output = dir / (std::string(name) + ".mkv");
    DoubleOk(dir / name, output, WithCodec("ffv1"));
    const int error = WorstAlphaError(output);
    EXPECT_GE(error, 0) << name;
    EXPECT_LE(error, 24) << name;
  }
}

TEST(AlphaTest, SixteenBitsAreKept) {
  TempDir dir;
  MakeTransparent(dir / "in.mkv", "-c:v ffv1 -pix_fmt gbrap16le");
  DoubleOk(dir / "in.mkv", dir / "out.mkv", WithCodec("ffv1"));
  EXPECT_EQ(VideoEntry(dir / "out.mkv", "pix_fmt"), "gbrap16le");
}

TEST(AlphaTest, WithoutAPlaceForItIsRefusedOrDroppedOnDemand) {
  TempDir dir;
  MakeTransparent(dir / "in.mov", "-c:v png");
  for (const auto& [codec, name] : {std::pair("libx264", "out.mp4"), {"libvpx-vp9", "vp9.mp4"}}) {
    PipelineOptions options = WithCodec(codec);
    const auto refused = Double(dir / "in.mov", dir / name, options);
    ASSERT_FALSE(refused.ok()) << codec;
    EXPECT_THAT(refused.status().message(), HasSubstr("--drop-alpha"));
    EXPECT_THAT(refused.status().message(), HasSubstr("ffv1"));
    options.reader.drop_alpha = true;
    EXPECT_EQ(DoubleOk(dir / "in.mov", dir / name, options).frames, 3);
  }
  PipelineOptions drop = WithCodec("ffv1");
  drop.reader.drop_alpha = true;
  DoubleOk(dir / "in.mov", dir / "dropped.mkv", drop);
  EXPECT_EQ(WorstAlphaError(dir / "dropped.mkv"), -1);
}

TEST(AlphaTest, OpaquePlanesAreNotUpscaled) {
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 3 -vf format=rgba -c:v png " +
         Quote(dir / "in.mov"));
  NearestUpscaler upscaler(2);
  const auto report = RunPipeline(dir / "in.mov", dir / "out.mkv", upscaler, WithCodec("ffv1"));
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(upscaler.frames(), 3);
  // Nothing is lost without alpha either.
  EXPECT_EQ(DoubleOk(dir / "in.mov", dir / "out.mp4").frames, 3);
}

TEST(AlphaTest, SegmentsKeepIt) {
  TempDir dir;
  MakeTransparent(dir / "in.mov", "-c:v png");
  PipelineOptions options = WithCodec("libvpx-vp9");
  options.journal.mode = JournalMode::kStart;
  options.journal.segment_frames = 2;
  DoubleOk(dir / "in.mov", dir / "out.webm", options);
  const int error = WorstAlphaError(dir / "out.webm");
  EXPECT_GE(error, 0);
  EXPECT_LE(error, 24);
}

}  // namespace
}  // namespace octoscale
