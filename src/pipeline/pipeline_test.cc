#include "pipeline/pipeline.h"

#include <chrono>
#include <memory>
#include <mutex>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/encoder_thread.h"
#include "pipeline/no_more_threads.h"
#include "pipeline/test_run.h"

namespace octoscale {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// 20 different pictures, lossless RGB, with B-frames and sound.
void MakeClip(const std::string& path, int frames = 20) {
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=10 -f lavfi -i sine=b=2 -frames:v " +
         std::to_string(frames) + " -t " + std::to_string(frames / 10.0) +
         " -c:v libx264rgb -qp 0 -bf 3 -c:a aac " + Quote(path));
}

TEST(PipelineTest, FramesAreTheInputsFramesRepeated) {
  TempDir dir;
  MakeClip(dir / "in.mkv");
  const PipelineReport report = DoubleOk(dir / "in.mkv", dir / "out.mkv", WithCodec("ffv1"));
  EXPECT_EQ(report.frames, 20);
  EXPECT_EQ(report.width, 128);
  EXPECT_EQ(report.height, 96);
  EXPECT_EQ(report.audio_streams, 1);
  EXPECT_GT(report.fps, 0);
  EXPECT_EQ(report.output_bytes, static_cast<int64_t>(std::filesystem::file_size(dir / "out.mkv")));
  EXPECT_EQ(FrameHashes(dir / "out.mkv", "gbrp"),
            FrameHashes(dir / "in.mkv", "gbrp", "scale=128:96:flags=neighbor"));
  EXPECT_THAT(dir.Names(), ElementsAre("in.mkv", "out.mkv"));
}

TEST(PipelineTest, BatchSizeAndSlotsDoNotChangeTheOutput) {
  TempDir dir;
  MakeClip(dir / "in.mkv");
  std::set<std::vector<std::string>> outputs;
  for (const auto& [batch, slots] : {std::pair{1, 1}, {3, 4}, {8, 2}, {64, 1}}) {
    // Later calls finish first, so that batches arrive out of order.
    NearestUpscaler upscaler(2, slots, [](int call, const CancelToken& cancel) {
      return SleepUnlessCancelled(milliseconds(call % 2 == 0 ? 20 : 0), cancel);
    });
    PipelineOptions options = WithCodec("ffv1");
    options.batch_frames = batch;
    options.writer.overwrite = true;
    const Result<PipelineReport> report =
        RunPipeline(dir / "in.mkv", dir / "out.mkv", upscaler, options);
    ASSERT_TRUE(report.ok()) << report.status().message();
    EXPECT_EQ(upscaler.calls(), (20 + batch - 1) / batch);
    outputs.insert(FrameHashes(dir / "out.mkv", "gbrp"));
  }
  EXPECT_EQ(outputs.size(), 1u);
}

TEST(PipelineTest, BatchesShrinkToTheByteBound) {
  TempDir dir;
  MakeClip(dir / "in.mkv");
  NearestUpscaler upscaler(2);
  PipelineOptions options = WithCodec("ffv1");
  options.batch_bytes_max = 128 * 96 * 3 * 2;  // two upscaled frames
  ASSERT_TRUE(RunPipeline(dir / "in.mkv", dir / "out.mkv", upscaler, options).ok());
  EXPECT_EQ(upscaler.calls(), 10);
}

TEST(PipelineTest, ProgressCountsEveryFrameFromOneThread) {
  TempDir dir;
  MakeClip(dir / "in.mp4");
  std::vector<int64_t> done;
  std::set<std::thread::id> threads;
  NearestUpscaler upscaler(2, 3);
  const Result<PipelineReport> report =
      RunPipeline(dir / "in.mp4", dir / "out.mp4", upscaler, PipelineOptions(),
                  [&](const PipelineProgress& progress) {
                    done.push_back(progress.frames_done);
                    threads.insert(std::this_thread::get_id());
                    EXPECT_EQ(progress.frames_total, 20);
                    EXPECT_TRUE(progress.total_exact);
                  });
  ASSERT_TRUE(report.ok()) << report.status().message();
  ASSERT_EQ(done.size(), 20u);
  EXPECT_EQ(done.front(), 1);
  EXPECT_EQ(done.back(), 20);
  EXPECT_EQ(threads.size(), 1u);
}

TEST(PipelineTest, SlowUpscalerKeepsTheQueuesBounded) {
  TempDir dir;
  MakeClip(dir / "in.mkv", 40);
  NearestUpscaler upscaler(2, 1, [](int, const CancelToken& cancel) {
    return SleepUnlessCancelled(milliseconds(5), cancel);
  });
  PipelineOptions options = WithCodec("ffv1");
  options.batch_frames = 1;
  options.queue_frames_max = 1;
  options.queue_bytes_max = 1;  // less than a frame: one at a time
  const Result<PipelineReport> report =
      RunPipeline(dir / "in.mkv", dir / "out.mkv", upscaler, options);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->frames, 40);
}

TEST(PipelineTest, CancelMidwayStopsSoonAndLeavesNothing) {
  TempDir dir;
  MakeClip(dir / "in.mkv", 40);
  CancelToken cancel;
  NearestUpscaler upscaler(2, 2, [&](int call, const CancelToken& token) {
    if (call == 3) cancel.Cancel();
    // Far longer than the test may take: only the token ends it.
    return call < 3 ? OkStatus() : SleepUnlessCancelled(milliseconds(100'000), token);
  });
  upscaler.set_batch_frames(2);
  const Result<PipelineReport> report =
      RunPipeline(dir / "in.mkv", dir / "out.mkv", upscaler, PipelineOptions(), {}, cancel);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), StatusCode::kCancelled);
  EXPECT_THAT(dir.Names(), ElementsAre("in.mkv"));
}

TEST(PipelineTest, DeadlineIsHonoured) {
  TempDir dir;
  MakeClip(dir / "in.mkv");
  CancelToken cancel;
  NearestUpscaler upscaler(2, 1, [&](int, const CancelToken& token) {
    cancel.SetDeadline(CancelToken::Clock::now());
    return SleepUnlessCancelled(milliseconds(100'000), token);
  });
  const Result<PipelineReport> report =
      RunPipeline(dir / "in.mkv", dir / "out.mkv", upscaler, PipelineOptions(), {}, cancel);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(dir.Names(), ElementsAre("in.mkv"));
}

TEST(PipelineTest, CancelledBeforeTheStartOpensNothing) {
  TempDir dir;
  MakeClip(dir / "in.mkv");
  CancelToken cancel;
  cancel.Cancel();
  NearestUpscaler upscaler(2);
  const Result<PipelineReport> report =
      RunPipeline(dir / "in.mkv", dir / "out.mkv", upscaler, PipelineOptions(), {}, cancel);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), StatusCode::kCancelled);
  EXPECT_EQ(upscaler.calls(), 0);
}

TEST(PipelineTest, UpscalerErrorIsTheOneReported) {
  TempDir dir;
  MakeClip(dir / "in.mkv", 40);
  NearestUpscaler upscaler(2, 3, [](int call, const CancelToken& token) {
    if (call == 2) return Unavailable("worker 7 is gone");
    return SleepUnlessCancelled(milliseconds(call < 2 ? 0 : 100'000), token);
  });
  upscaler.set_batch_frames(2);
  const Result<PipelineReport> report = RunPipeline(dir / "in.mkv", dir / "out.mkv", upscaler, {});
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(report.status().message(), HasSubstr("worker 7 is gone"));
  EXPECT_THAT(dir.Names(), ElementsAre("in.mkv"));
}

TEST(PipelineTest, ExceptionInAStageBecomesAnError) {
  TempDir dir;
  MakeClip(dir / "in.mkv");
  NearestUpscaler upscaler(2, 1, [](int, const CancelToken&) -> Status { throw std::bad_alloc(); });
  const Result<PipelineReport> report = RunPipeline(dir / "in.mkv", dir / "out.mkv", upscaler, {});
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), StatusCode::kResourceExhausted);
}

// Asked for its first frame just before the stages start.
class SinkBeforeTheLimit : public FrameSink {
 public:
  const PictureFormat& format() const override { return format_; }
  int64_t first_frame() const override {
    if (!limit_) limit_ = std::make_unique<NoMoreThreads>();
    return 0;
  }
  Status Write(int64_t, SinkFrame) override { return OkStatus(); }
  Result<SinkReport> Finish(bool) override { return SinkReport(); }

 private:
  PictureFormat format_;
  mutable std::unique_ptr<NoMoreThreads> limit_;
};

TEST(PipelineTest, ThreadsThatCannotBeStartedAreAnError) {
  TempDir dir;
  MakeClip(dir / "in.mkv");
  NearestUpscaler upscaler(2, 4);
  SinkBeforeTheLimit sink;
  const Result<SinkReport> report = RunPipelineInto(sink, dir / "in.mkv", upscaler, {});
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(report.status().message(), HasSubstr("can't start a thread"));
}

TEST(EncoderThreadTest, OneThatCannotBeStartedIsAnError) {
  const NoMoreThreads limit;
  EncoderThread encoder([](const Picture&) { return OkStatus(); }, 1, 1);
  EXPECT_EQ(encoder.Finish().code(), StatusCode::kResourceExhausted);
}

// Claims a scale that it does not deliver.
class LyingUpscaler : public NearestUpscaler {
 public:
  LyingUpscaler() : NearestUpscaler(2) {}
  Result<std::vector<Frame>> Upscale(std::vector<Frame> batch, const CancelToken&) override {
    return batch;
  }
};

TEST(PipelineTest, WrongSizeFromTheUpscalerIsCaught) {
  TempDir dir;
  MakeClip(dir / "in.mkv");
  LyingUpscaler upscaler;
  const Result<PipelineReport> report = RunPipeline(dir / "in.mkv", dir / "out.mkv", upscaler, {});
  ASSERT_FALSE(report.ok());
  EXPECT_THAT(report.status().message(), HasSubstr("64x48"));
  EXPECT_THAT(report.status().message(), HasSubstr("128x96"));
}

TEST(PipelineTest, PausedRunWaitsAndGoesOn) {
  TempDir dir;
  MakeClip(dir / "in.mkv");
  std::atomic<bool> paused{true};
  PipelineOptions options = WithCodec("ffv1");
  options.paused = &paused;
  NearestUpscaler upscaler(2);
  std::thread release([&] {
    std::this_thread::sleep_for(milliseconds(100));
    EXPECT_EQ(upscaler.calls(), 0);
    paused = false;
  });
  const Result<PipelineReport> report =
      RunPipeline(dir / "in.mkv", dir / "out.mkv", upscaler, options);
  release.join();
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->frames, 20);
}

TEST(PipelineTest, TooLargeOutputIsRefusedBeforeTheFirstFrame) {
  TempDir dir;
  MakeClip(dir / "in.mkv");
  NearestUpscaler upscaler(1000);
  const Result<PipelineReport> report = RunPipeline(dir / "in.mkv", dir / "out.mkv", upscaler, {});
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(report.status().message(), HasSubstr("64000x48000"));
  EXPECT_EQ(upscaler.calls(), 0);
}

}  // namespace
}  // namespace octoscale
