#include "pipeline/pipeline.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/test_upscalers.h"
#include "video/test_media.h"

namespace octoscale {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(PipelineTest, FramesAreTheInputsFramesRepeated) {
  TempDir dir;
  Ffmpeg(
      "-f lavfi -i testsrc2=s=64x48:r=25 -f lavfi -i sine=b=2 -frames:v 20 -t 0.8 "
      "-c:v libx264rgb -crf 0 -bf 3 -c:a aac " +
      Quote(dir / "in.mkv"));
  NearestUpscaler upscaler(2);
  PipelineOptions options;
  options.writer.encoder.codec = "ffv1";
  const Result<PipelineReport> report =
      RunPipeline(dir / "in.mkv", dir / "out.mkv", upscaler, options);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->frames, 20);
  EXPECT_EQ(report->width, 128);
  EXPECT_EQ(report->audio_streams, 1);
  EXPECT_EQ(FrameHashes(dir / "out.mkv", "gbrp"),
            FrameHashes(dir / "in.mkv", "gbrp", "scale=128:96:flags=neighbor"));
  EXPECT_EQ(FrameTimes(dir / "out.mkv"), FrameTimes(dir / "in.mkv"));
  EXPECT_THAT(dir.Names(), ElementsAre("in.mkv", "out.mkv"));
}

TEST(PipelineTest, DefaultEncoderWritesMp4) {
  TempDir dir;
  Ffmpeg(
      "-f lavfi -i testsrc2=s=64x48:r=25 -f lavfi -i sine=b=2 -frames:v 37 -t 1.48 -c:v libx264 "
      "-bf 3 "
      "-pix_fmt yuv420p -c:a aac " +
      Quote(dir / "in.mp4"));
  NearestUpscaler upscaler(2);
  const Result<PipelineReport> report =
      RunPipeline(dir / "in.mp4", dir / "out.mp4", upscaler, PipelineOptions());
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->frames, 37);
  EXPECT_EQ(FrameTimes(dir / "out.mp4"), FrameTimes(dir / "in.mp4"));
  for (auto& w : report->warnings) printf("%s\n", w.c_str());
  RunShell("cp " + dir.path() + "/* /tmp/vt/");
}

}  // namespace
}  // namespace octoscale
