// Numbered pictures as input and output.
#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "image/image.h"
#include "pipeline/journal_dir.h"
#include "pipeline/test_run.h"

namespace octoscale {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kVideo = "-f lavfi -i testsrc2=s=32x24:r=25 ";

void MakePictures(const std::string& pattern, int first, int count,
                  const std::string& format = "rgb24") {
  Ffmpeg(std::string(kVideo) + "-frames:v " + std::to_string(count) + " -pix_fmt " + format +
         " -start_number " + std::to_string(first) + " " + Quote(pattern));
}

TEST(SequenceTest, BeginsAtAnyNumberAndRunsAtTheGivenRate) {
  TempDir dir;
  MakePictures(dir / "frame_%06d.png", 1234, 4);
  EXPECT_EQ(DoubleOk(dir / "frame_%06d.png", dir / "a.mp4").frames, 4);
  EXPECT_THAT(FrameTimes(dir / "a.mp4"), ElementsAre(0, 0.04, 0.08, 0.12));
  PipelineOptions options;
  options.reader.sequence_rate = Rational{10, 1};
  DoubleOk(dir / "frame_%06d.png", dir / "b.mp4", options);
  EXPECT_THAT(FrameTimes(dir / "b.mp4"), ElementsAre(0, 0.1, 0.2, 0.3));
}

TEST(SequenceTest, RateOfAVideoIsNotChanged) {
  TempDir dir;
  Ffmpeg(std::string(kVideo) + "-frames:v 2 -c:v ffv1 " + Quote(dir / "in.mkv"));
  PipelineOptions options;
  options.reader.sequence_rate = Rational{10, 1};
  const auto report = Double(dir / "in.mkv", dir / "out.mkv", options);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), StatusCode::kInvalidArgument);
}

TEST(SequenceTest, GapIsAnErrorThatNamesThePicture) {
  TempDir dir;
  MakePictures(dir / "f%03d.png", 1, 4);
  std::filesystem::remove(dir / "f003.png");
  const auto report = Double(dir / "f%03d.png", dir / "out.mp4");
  ASSERT_FALSE(report.ok());
  EXPECT_THAT(report.status().message(), HasSubstr("f003.png is missing"));
  EXPECT_FALSE(std::filesystem::exists(dir / "out.mp4"));
}

TEST(SequenceTest, VideoToPicturesAndBack) {
  TempDir dir;
  Ffmpeg(std::string(kVideo) + "-frames:v 3 -c:v ffv1 -pix_fmt gbrp " + Quote(dir / "in.mkv"));
  const PipelineReport report = DoubleOk(dir / "in.mkv", dir / "out_%04d.png");
  EXPECT_EQ(report.frames, 3);
  EXPECT_EQ(report.width, 64);
  EXPECT_EQ(FrameHashes(dir / "out_%04d.png", "rgb24"),
            FrameHashes(dir / "in.mkv", "rgb24", "scale=64:48:flags=neighbor"));
  EXPECT_THAT(dir.Names(), ElementsAre("in.mkv", "out_0001.png", "out_0002.png", "out_0003.png"));
}

TEST(SequenceTest, PicturesToPicturesKeepNumbersDepthAndAlpha) {
  TempDir dir;
  MakePictures(dir / "in_%d.png", 7, 2, "rgba64be");
  DoubleOk(dir / "in_%d.png", dir / "out_%d.png");
  EXPECT_THAT(dir.Names(), ElementsAre("in_7.png", "in_8.png", "out_7.png", "out_8.png"));
  const auto in = ReadImageFile(dir / "in_8.png");
  const auto out = ReadImageFile(dir / "out_8.png");
  ASSERT_TRUE(in.ok() && out.ok());
  EXPECT_EQ(out->frame.sample_type(), SampleType::kU16);
  EXPECT_TRUE(out->alpha.has_value());
  EXPECT_TRUE(out->frame.SamePixels(RepeatPixels(in->frame, 2)));
}

TEST(SequenceTest, WhatPicturesCannotHoldIsNamed) {
  TempDir dir;
  Ffmpeg(
      "-f lavfi -i testsrc2=s=32x24:r=25:d=0.2 -f lavfi -i sine=d=0.2 -c:v ffv1 "
      "-pix_fmt yuv420p10le -c:a flac -vf setsar=4/3 " +
      Quote(dir / "in.mkv"));
  const std::string warnings = AllText(DoubleOk(dir / "in.mkv", dir / "o_%02d.jpg").warnings);
  EXPECT_THAT(warnings, HasSubstr("audio"));
  EXPECT_THAT(warnings, HasSubstr("4:3"));
  EXPECT_THAT(warnings, HasSubstr("10 to 8 bits"));
}

TEST(SequenceTest, PicturesThatAreThereAreKept) {
  TempDir dir;
  Ffmpeg(std::string(kVideo) + "-frames:v 2 -c:v ffv1 " + Quote(dir / "in.mkv"));
  std::ofstream(dir / "o_2.png") << "old";
  std::ofstream(dir / "o_9.png") << "old";
  const auto refused = Double(dir / "in.mkv", dir / "o_%d.png");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), StatusCode::kAlreadyExists);
  EXPECT_THAT(dir.Names(), ElementsAre("in.mkv", "o_2.png", "o_9.png"));
  PipelineOptions options;
  options.writer.overwrite = true;
  const PipelineReport report = DoubleOk(dir / "in.mkv", dir / "o_%d.png", options);
  EXPECT_THAT(AllText(report.warnings), HasSubstr("1 other pictures"));
  EXPECT_TRUE(ReadImageFile(dir / "o_2.png").ok());
}

// All of them get their names, or none.
TEST(SequenceTest, APictureThatAppearsMeanwhileStaysAlone) {
  TempDir dir;
  Ffmpeg(std::string(kVideo) + "-frames:v 3 -c:v ffv1 " + Quote(dir / "in.mkv"));
  NearestUpscaler upscaler(2, 1, [&](int, const CancelToken&) {
    std::ofstream(dir / "o_2.png") << "of someone else";
    return OkStatus();
  });
  const auto report = RunPipeline(dir / "in.mkv", dir / "o_%d.png", upscaler, {});
  EXPECT_EQ(report.status().code(), StatusCode::kAlreadyExists);
  EXPECT_THAT(dir.Names(), ElementsAre("in.mkv", "o_2.png"));
}

TEST(SequenceTest, AFolderInPlaceOfAPictureReplacesNone) {
  TempDir dir;
  Ffmpeg(std::string(kVideo) + "-frames:v 3 -c:v ffv1 " + Quote(dir / "in.mkv"));
  std::ofstream(dir / "o_1.png") << "old";
  std::filesystem::create_directory(dir / "o_3.png");
  PipelineOptions options;
  options.writer.overwrite = true;
  const auto report = Double(dir / "in.mkv", dir / "o_%d.png", options);
  EXPECT_THAT(report.status().message(), HasSubstr("o_3.png: is a folder"));
  EXPECT_EQ(std::filesystem::file_size(dir / "o_1.png"), 3u);
}

TEST(SequenceTest, FailureLeavesNothing) {
  TempDir dir;
  Ffmpeg(std::string(kVideo) + "-frames:v 3 -c:v ffv1 " + Quote(dir / "in.mkv"));
  NearestUpscaler upscaler(2, 1, [](int call, const CancelToken&) {
    return call == 2 ? Unavailable("gone") : OkStatus();
  });
  upscaler.set_batch_frames(1);
  EXPECT_FALSE(RunPipeline(dir / "in.mkv", dir / "o_%d.png", upscaler, {}).ok());
  EXPECT_THAT(dir.Names(), ElementsAre("in.mkv"));
  EXPECT_FALSE(Double(dir / "in.mkv", dir / "no/o_%d.png").ok());
  MakePictures(dir / "p%d.png", 1, 2);
  EXPECT_FALSE(Double(dir / "p%d.png", dir / "p%d.png").ok());
}

TEST(SequenceTest, CanBeResumed) {
  TempDir dir;
  MakePictures(dir / "p%d.png", 1, 6);
  PipelineOptions options = WithCodec("ffv1");
  options.journal = {JournalMode::kStart, "test", 2};
  NearestUpscaler failing(2, 1, [&](int call, const CancelToken& cancel) -> Status {
    while (call == 2) {
      const auto kept = FindKeptWork(dir / "out.mkv");
      if (kept.ok() && kept->has_value() && (*kept)->frames == 4) return Unavailable("gone");
      OCTO_RETURN_IF_ERROR(SleepUnlessCancelled(std::chrono::milliseconds(2), cancel));
    }
    return OkStatus();
  });
  EXPECT_FALSE(RunPipeline(dir / "p%d.png", dir / "out.mkv", failing, options).ok());
  options.journal.mode = JournalMode::kResume;
  const PipelineReport report = DoubleOk(dir / "p%d.png", dir / "out.mkv", options);
  EXPECT_EQ(report.frames, 6);
  EXPECT_EQ(report.frames_resumed, 4);
}

}  // namespace
}  // namespace octoscale
