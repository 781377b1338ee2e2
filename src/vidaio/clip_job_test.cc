// Whole answers, with pixel repetition in the network's place: what the presets promise holds for
// every kind of input.
#include "vidaio/clip_job.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/test_upscalers.h"
#include "vidaio/compliance.h"
#include "video/test_media.h"

namespace octoscale {
namespace {

using ::testing::HasSubstr;

class ClipJobTest : public ::testing::Test {
 protected:
  // A moving picture with `encoder` (shell words).
  void MakeInput(const std::string& encoder, const std::string& filter = "null") {
    Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=30 -frames:v 12 -vf " + Quote(filter) + " " + encoder +
           " " + Quote(input_));
  }
  ClipJob Job(const std::string& task, ClipCodec codec = ClipCodec::kHevc) {
    ClipJob job;
    job.input = input_;
    job.output = output_;
    job.task = *FindVidaioTask(task);
    job.codec = codec;
    job.encoder_preset = codec == ClipCodec::kHevc ? "ultrafast" : "8";
    job.pipeline.writer.overwrite = true;
    job.make_upscaler = [](const ModelRequest& request) {
      return Result<std::unique_ptr<FrameUpscaler>>(
          std::make_unique<NearestUpscaler>(request.engine.scale));
    };
    return job;
  }
  ClipReport Run(const ClipJob& job) {
    const Result<ClipReport> report = RunClip(job);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *report : ClipReport();
  }
  void ExpectCompliant(const std::string& task) {
    const Result<VerifyReport> report = CheckAnswer(*FindVidaioTask(task), input_, output_);
    ASSERT_TRUE(report.ok()) << report.status().message();
    EXPECT_TRUE(report->ok()) << report->Failures();
  }

  TempDir dir_;
  const std::string input_ = dir_ / "in.mp4";
  const std::string output_ = dir_ / "answer.mp4";
};

constexpr char kH264[] = "-c:v libx264 -pix_fmt yuv420p";

TEST_F(ClipJobTest, EveryTaskWithBothCodecsPasses) {
  MakeInput(kH264);
  for (const VidaioTask& task : VidaioTasks()) {
    for (const ClipCodec codec : {ClipCodec::kHevc, ClipCodec::kAv1}) {
      SCOPED_TRACE(task.name + " " + ClipEncoder(codec));
      const ClipReport report = Run(Job(task.name, codec));
      EXPECT_EQ(report.video.frames, 12);
      EXPECT_EQ(report.video.width, 64 * task.scale);
      ExpectCompliant(task.name);
    }
  }
}

}  // namespace
}  // namespace octoscale
