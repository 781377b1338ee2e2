// Whole answers, with pixel repetition in the network's place: what the presets promise holds for
// every kind of input.
#include "vidaio/clip_job.h"

#include <atomic>
#include <cstdlib>
#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/journal_dir.h"
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

TEST_F(ClipJobTest, TenBitsFullRangeAndOtherChromaBecomeYuv420p) {
  for (const char* encoder :
       {"-c:v libx264 -pix_fmt yuv420p10le", "-c:v libx264 -pix_fmt yuv444p",
        "-c:v libx264 -pix_fmt yuvj420p -color_range pc", "-c:v mpeg4 -q:v 3"}) {
    SCOPED_TRACE(encoder);
    MakeInput(encoder);
    Run(Job("SD2HD"));
    EXPECT_EQ(VideoEntry(output_, "pix_fmt"), "yuv420p");
    EXPECT_EQ(VideoEntry(output_, "profile"), "Main");
    ExpectCompliant("SD2HD");
  }
}

TEST_F(ClipJobTest, PixelsBecomeSquare) {
  MakeInput(kH264, "setsar=16/11");
  EXPECT_THAT(Run(Job("SD2HD")).video.warnings,
              ::testing::ElementsAre(HasSubstr("16:11 is dropped")));
  EXPECT_EQ(VideoEntry(output_, "sample_aspect_ratio"), "1:1");
  EXPECT_EQ(VideoEntry(output_, "width"), "128");
  ExpectCompliant("SD2HD");
}

TEST_F(ClipJobTest, WarningsComeBeforeTheWorkAndOnce) {
  MakeInput(kH264, "setsar=16/11");
  ClipJob job = Job("SD2HD");
  std::vector<std::string> told;
  job.pipeline.on_warning = [&](const std::string& text) { told.push_back(text); };
  ClipEvents events;
  events.progress = [&](const ClipProgress&) { EXPECT_FALSE(told.empty()); };
  const Result<ClipReport> report = RunClip(job, events);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_THAT(told, ::testing::ElementsAre(HasSubstr("16:11 is dropped")));
  EXPECT_EQ(report->video.warnings, told);
}

// No weights are needed for a deadline where the upscaler is somewhere else.
TEST_F(ClipJobTest, ADeadlineIsPlannedWithTheSpeedOfTheUpscaler) {
  ASSERT_EQ(setenv("XDG_CACHE_HOME", (dir_ / "cache").c_str(), 1), 0);
  MakeInput(kH264);
  ClipJob job = Job("SD2HD");
  std::atomic<int> ready{0};
  job.make_upscaler = [&](const ModelRequest& request) {
    ++ready;
    return Result<std::unique_ptr<FrameUpscaler>>(std::make_unique<NearestUpscaler>(
        request.engine.scale, 2, [](int, const CancelToken& cancel) {
          return SleepUnlessCancelled(std::chrono::milliseconds(100), cancel);
        }));
  };
  job.deadline_seconds = 600;
  std::vector<std::string> notices;
  ClipEvents events;
  events.notice = [&](const std::string& text) {
    EXPECT_EQ(ready, 1);
    notices.push_back(text);
  };
  const Result<ClipReport> report = RunClip(job, events);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_THAT(notices, ::testing::ElementsAre(
                           HasSubstr("chosen: nearest on workers, libx265 ultrafast; about ")));
  EXPECT_GT(report->predicted_seconds, 0);
  EXPECT_EQ(ready, 1);
  ExpectCompliant("SD2HD");

  job.deadline_seconds = 0.1;
  const Status refused = RunClip(job).status();
  EXPECT_EQ(refused.code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(refused.message(), HasSubstr("the fastest, nearest on workers, libx265 ultrafast, "
                                           "takes about "));

  job.make_upscaler = [](const ModelRequest&) {
    return Result<std::unique_ptr<FrameUpscaler>>(Unavailable("nobody is there"));
  };
  EXPECT_EQ(RunClip(job).status().message(), "nobody is there");
}

TEST_F(ClipJobTest, ColourTagsAreTheInputs) {
  MakeInput(std::string(kH264) +
            " -colorspace smpte170m -color_primaries smpte170m -color_trc smpte170m");
  Run(Job("SD24K"));
  EXPECT_EQ(VideoEntry(output_, "color_space"), "smpte170m");
  EXPECT_EQ(VideoEntry(output_, "color_primaries"), "smpte170m");
  ExpectCompliant("SD24K");
}

TEST_F(ClipJobTest, SoundAndUnevenTimesStay) {
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=30 -f lavfi -i sine=d=0.6 -frames:v 18 -vf " +
         Quote("select='not(eq(mod(n,5),3))'") + " -fps_mode vfr -shortest " + kH264 +
         " -c:a aac " + Quote(input_));
  const ClipReport report = Run(Job("SD2HD"));
  EXPECT_EQ(report.video.audio_streams, 1);
  ExpectCompliant("SD2HD");
}

// What costs most bits beside an input that has hardly any.
TEST_F(ClipJobTest, TinyAndNoisyInputsKeepToTheSizeLimit) {
  const std::string noise = "noise=alls=100:allf=t";
  for (const char* encoder :
       {"-c:v libx264 -crf 51 -preset slow -pix_fmt yuv420p",
        "-c:v libx264 -crf 38 -pix_fmt yuv420p", "-c:v libx264 -crf 10 -pix_fmt yuv420p"}) {
    for (const ClipCodec codec : {ClipCodec::kHevc, ClipCodec::kAv1}) {
      SCOPED_TRACE(std::string(encoder) + " " + ClipEncoder(codec));
      MakeInput(encoder, noise);
      ClipJob job = Job("SD2HD", codec);
      job.quality = 5;  // asks for far more than there is room for
      const ClipReport report = Run(job);
      EXPECT_LE(report.video.output_bytes, report.bytes_max);
      EXPECT_EQ(static_cast<int64_t>(std::filesystem::file_size(output_)),
                report.video.output_bytes);
      ExpectCompliant("SD2HD");
    }
  }
}

TEST_F(ClipJobTest, WhatCanNeverBeSmallEnoughIsAnErrorAndLeavesNothing) {
  MakeInput(kH264);
  ClipJob job = Job("SD2HD");
  job.task->size_factor_max = 0;
  const Status status = RunClip(job).status();
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("but the task allows 0"));
  EXPECT_EQ(dir_.Names(), std::vector<std::string>{"in.mp4"});
}

TEST_F(ClipJobTest, SizesOfABundleDiffer) {
  MakeInput(kH264);
  ClipJob job = Job("SD2HD");
  const int64_t first = Run(job).video.output_bytes;
  job.sizes_taken = {first, first + 8, first + 9};
  EXPECT_EQ(Run(job).video.output_bytes, first + 10);
  ExpectCompliant("SD2HD");
}

TEST_F(ClipJobTest, WithAJournalTooAndGoneOnWith) {
  MakeInput(kH264);
  ClipJob job = Job("SD2HD");
  job.pipeline.writer.overwrite = false;
  job.pipeline.journal.mode = JournalMode::kStart;
  job.pipeline.journal.segment_frames = 4;
  const auto make = job.make_upscaler;
  const std::string first_segment = JournalDirectory(output_) + "/" + SegmentName(0);
  const auto fail_at_the_third = [&](int call, const CancelToken& cancel) {
    if (call < 2) return OkStatus();
    for (int i = 0; i < 20000 && !std::filesystem::exists(first_segment); ++i) {
      OCTO_RETURN_IF_ERROR(SleepUnlessCancelled(std::chrono::milliseconds(1), cancel));
    }
    return Internal("broken on purpose");
  };
  job.make_upscaler = [&](const ModelRequest& request) {
    auto upscaler = std::make_unique<NearestUpscaler>(request.engine.scale, 1, fail_at_the_third);
    return Result<std::unique_ptr<FrameUpscaler>>(std::move(upscaler));
  };
  EXPECT_EQ(RunClip(job).status().code(), StatusCode::kInternal);
  job.make_upscaler = make;
  job.pipeline.journal.mode = JournalMode::kResume;
  const ClipReport report = Run(job);
  EXPECT_GT(report.video.frames_resumed, 0);
  EXPECT_EQ(report.video.frames, 12);
  ExpectCompliant("SD2HD");
}

TEST_F(ClipJobTest, WhatATaskCannotHaveIsRefusedBeforeTheWork) {
  MakeInput(kH264);
  const auto refused = [&](const ClipJob& job, StatusCode code, const char* text) {
    const Status status = RunClip(job).status();
    EXPECT_EQ(status.code(), code) << status.message();
    EXPECT_THAT(status.message(), HasSubstr(text));
  };
  ClipJob job = Job("SD2HD");
  job.output = dir_ / "answer.mkv";
  refused(job, StatusCode::kInvalidArgument, "ends in .mp4");
  job = Job("SD2HD");
  job.pipeline.reader.frames = 3;
  refused(job, StatusCode::kInvalidArgument, "the whole clip");
  job = Job("SD2HD");
  job.quality = 52;
  refused(job, StatusCode::kInvalidArgument, "0 to 51");
  job = Job("SD2HD");
  job.input = dir_ / "missing.mp4";
  refused(job, StatusCode::kNotFound, "missing.mp4");
  MakeInput(
      "-c:v libx265 -x265-params log-level=none -pix_fmt yuv420p10le -color_trc smpte2084 "
      "-color_primaries bt2020 -colorspace bt2020nc");
  refused(Job("SD2HD"), StatusCode::kUnsupported, "HDR");
}

TEST(PresetTest, CodecsByName) {
  EXPECT_EQ(*ParseClipCodec("HEVC"), ClipCodec::kHevc);
  EXPECT_EQ(*ParseClipCodec("libsvtav1"), ClipCodec::kAv1);
  EXPECT_THAT(ParseClipCodec("libx264").status().message(), HasSubstr("would score zero"));
}

TEST(TasksTest, ScaleAndSizeNameATask) {
  EXPECT_EQ(TaskForScale(2, {960, 544})->name, "SD2HD");
  EXPECT_EQ(TaskForScale(2, {1920, 1080})->name, "HD24K");
  EXPECT_EQ(TaskForScale(2, {3840, 2160})->name, "4K28K");
  EXPECT_EQ(TaskForScale(4, {1920, 1080})->name, "SD24K");
  EXPECT_THAT(TaskForScale(3, {960, 540}).status().message(), HasSubstr("2 and 4 only"));
}

}  // namespace
}  // namespace octoscale
