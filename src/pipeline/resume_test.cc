// Runs that stop half-way and are gone on with, inside one process.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include "pipeline/journal_dir.h"
#include "pipeline/segment_sink.h"
#include "pipeline/test_run.h"

namespace octoscale {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kFrames = 45;  // five segments of 8 and one of 5

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteAll(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

class ResumeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Ffmpeg(
        "-f lavfi -i testsrc2=s=64x48:r=25 -f lavfi -i sine=b=2 -frames:v 45 -t 1.8"
        " -c:v libx264 -bf 3 -c:a aac " +
        Quote(input_));
    options_.journal.mode = JournalMode::kStart;
    options_.journal.program = "test 1";
    options_.journal.segment_frames = 8;
    options_.writer.encoder.threads = 2;
  }

  // Frames of `batches` batches are upscaled, then the upscaler fails.
  Status RunUntil(int batches) {
    NearestUpscaler upscaler(2, 1, [batches](int call, const CancelToken&) {
      return call < batches ? OkStatus() : Unavailable("the worker is gone");
    });
    return RunPipeline(input_, output_, upscaler, options_).status();
  }

  // Waits until the encoder has caught up: closed segments appear after the upscaler has gone on.
  // Stops after exactly `segments` closed ones.
  void StopAfter(int segments) {
    NearestUpscaler upscaler(2, 1, [&](int call, const CancelToken& cancel) -> Status {
      if (call < segments) return OkStatus();
      while (true) {
        const auto kept = FindKeptWork(output_);
        if (kept.ok() && kept->has_value() && (*kept)->frames == 8 * segments) break;
        OCTO_RETURN_IF_ERROR(SleepUnlessCancelled(std::chrono::milliseconds(2), cancel));
      }
      return Unavailable("the worker is gone");
    });
    const Status status = RunPipeline(input_, output_, upscaler, options_).status();
    ASSERT_EQ(status.code(), StatusCode::kUnavailable) << status.message();
  }

  Result<PipelineReport> Resume() {
    PipelineOptions options = options_;
    options.journal.mode = JournalMode::kResume;
    NearestUpscaler upscaler(2);
    const auto report = RunPipeline(input_, output_, upscaler, options);
    upscaled_ = upscaler.frames();
    return report;
  }

  // The error of going on.
  std::string Refusal() {
    const auto report = Resume();
    EXPECT_FALSE(report.ok());
    EXPECT_EQ(upscaled_, 0);
    return report.status().message();
  }

  // What an uninterrupted run writes.
  std::string Expected() {
    NearestUpscaler upscaler(2);
    const std::string path = dir_ / "expected.mp4";
    const auto report = RunPipeline(input_, path, upscaler, options_);
    EXPECT_TRUE(report.ok()) << report.status().message();
    const std::string content = ReadAll(path);
    fs::remove(path);
    return content;
  }

  void ExpectFinished(const Result<PipelineReport>& report, int upscaled) {
    ASSERT_TRUE(report.ok()) << report.status().message();
    EXPECT_EQ(report->frames, kFrames);
    EXPECT_EQ(report->frames_resumed, kFrames - upscaled);
    EXPECT_EQ(upscaled_, upscaled);
    EXPECT_EQ(report->output_bytes, static_cast<int64_t>(ReadAll(output_).size()));
    EXPECT_TRUE(ReadAll(output_) == Expected());
    EXPECT_THAT(dir_.Names(), ElementsAre("in.mp4", "out.mp4"));
  }

  std::string JournalPath() const { return JournalDirectory(output_) + "/journal"; }
  std::string SegmentPath(int number) const {
    return JournalDirectory(output_) + "/" + SegmentName(number);
  }

  TempDir dir_;
  std::string input_ = dir_ / "in.mp4";
  std::string output_ = dir_ / "out.mp4";
  PipelineOptions options_;
  int upscaled_ = 0;
};

TEST_F(ResumeTest, GoesOnWithTheClosedSegmentsToTheSameBytes) {
  for (const int segments : {1, 3, 5}) {
    StopAfter(segments);
    EXPECT_THAT(dir_.Names(), ElementsAre(".out.mp4.octoscale", "in.mp4"));
    ExpectFinished(Resume(), kFrames - 8 * segments);
    fs::remove(output_);
  }
}

TEST_F(ResumeTest, BatchSizeMayChange) {
  StopAfter(2);
  options_.batch_frames = 3;
  ExpectFinished(Resume(), kFrames - 16);
}

TEST_F(ResumeTest, StoppedAgainAndAgain) {
  StopAfter(1);
  options_.journal.mode = JournalMode::kResume;
  for (int segments = 2; segments <= 5; ++segments) {
    NearestUpscaler upscaler(2, 1, [&](int call, const CancelToken& cancel) -> Status {
      if (call < 1) return OkStatus();
      while ((*FindKeptWork(output_))->frames < 8 * segments) {
        OCTO_RETURN_IF_ERROR(SleepUnlessCancelled(std::chrono::milliseconds(2), cancel));
      }
      return Unavailable("gone again");
    });
    EXPECT_FALSE(RunPipeline(input_, output_, upscaler, options_).ok());
  }
  ExpectFinished(Resume(), 5);
}

TEST_F(ResumeTest, NothingIsKeptBeforeTheFirstClosedSegment) {
  EXPECT_EQ(RunUntil(0).code(), StatusCode::kUnavailable);
  EXPECT_THAT(dir_.Names(), ElementsAre("in.mp4"));
  ExpectFinished(Resume(), kFrames);
}

TEST_F(ResumeTest, WithoutAJournalResumeStartsOne) { ExpectFinished(Resume(), kFrames); }

TEST_F(ResumeTest, LeftWorkIsNotOverwrittenUnasked) {
  StopAfter(2);
  const Status status = RunUntil(100);
  EXPECT_EQ(status.code(), StatusCode::kAlreadyExists);
  EXPECT_THAT(status.message(), HasSubstr("16 frames"));
  EXPECT_THAT(status.message(), HasSubstr("--resume"));
  EXPECT_THAT(status.message(), HasSubstr("-y"));
  options_.writer.overwrite = true;
  EXPECT_TRUE(RunUntil(100).ok());
  EXPECT_THAT(dir_.Names(), ElementsAre("in.mp4", "out.mp4"));
}

TEST_F(ResumeTest, LeftWorkIsInTheWayOfARunWithoutJournalToo) {
  StopAfter(1);
  options_.writer.encoder.bit_rate = 100'000;
  EXPECT_EQ(RunUntil(100).code(), StatusCode::kAlreadyExists);
  options_.writer.overwrite = true;
  EXPECT_TRUE(RunUntil(100).ok());
  EXPECT_THAT(dir_.Names(), ElementsAre("in.mp4", "out.mp4"));
}

TEST_F(ResumeTest, WhatCannotBeSegmentedCannotBeResumed) {
  options_.writer.encoder.bit_rate = 100'000;
  EXPECT_THAT(Refusal(), HasSubstr("bit rate"));
  EXPECT_EQ(RunUntil(2).code(), StatusCode::kUnavailable);
  EXPECT_THAT(dir_.Names(), ElementsAre("in.mp4"));
}

TEST_F(ResumeTest, AnotherJobIsRefusedByName) {
  StopAfter(1);
  const PipelineOptions before = options_;
  options_.writer.encoder.crf = 30;
  EXPECT_THAT(Refusal(), HasSubstr("crf: default there, 30 here"));
  options_ = before;
  options_.writer.encoder.preset = "ultrafast";
  EXPECT_THAT(Refusal(), HasSubstr("preset: default there, ultrafast here"));
  options_ = before;
  options_.writer.copy_audio = false;
  EXPECT_THAT(Refusal(), HasSubstr("copy audio: yes there, no here"));
  options_ = before;
  options_.journal.program = "test 2";
  EXPECT_THAT(Refusal(), HasSubstr("program: test 1 there, test 2 here"));
  options_ = before;
  options_.reader.frames = 20;
  EXPECT_THAT(Refusal(), HasSubstr("--frames: default there, 20 here"));
  options_ = before;
  NearestUpscaler other(3);
  options_.journal.mode = JournalMode::kResume;
  const auto report = RunPipeline(input_, output_, other, options_);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), StatusCode::kAlreadyExists);
  EXPECT_THAT(report.status().message(), HasSubstr("scale: 2 there, 3 here"));
  EXPECT_THAT(report.status().message(), HasSubstr("upscaler: nearest-2 there, nearest-3 here"));
  // Nothing of this harmed the journal.
  options_ = before;
  ExpectFinished(Resume(), kFrames - 8);
}

TEST_F(ResumeTest, ChangedInputIsRefused) {
  StopAfter(1);
  const std::string content = ReadAll(input_);
  const auto time = fs::last_write_time(input_);
  WriteAll(input_, content + "x");
  EXPECT_THAT(Refusal(), HasSubstr("size of the input"));
  std::string other = content;
  other[other.size() / 2] ^= 1;
  WriteAll(input_, other);
  fs::last_write_time(input_, time);
  EXPECT_THAT(Refusal(), HasSubstr("content of the input"));
  WriteAll(input_, content);
  fs::last_write_time(input_, time + std::chrono::seconds(1));
  EXPECT_THAT(Refusal(), HasSubstr("time of the input's last change"));
  fs::last_write_time(input_, time);
  ExpectFinished(Resume(), kFrames - 8);
}

TEST_F(ResumeTest, TornLastRecordCostsItsSegmentOnly) {
  StopAfter(3);
  const std::string journal = ReadAll(JournalPath());
  WriteAll(JournalPath(), journal.substr(0, journal.size() - 10));
  ExpectFinished(Resume(), kFrames - 16);
}

TEST_F(ResumeTest, DamagedMiddleOfTheJournalIsRefused) {
  StopAfter(3);
  std::string journal = ReadAll(JournalPath());
  const std::string good = journal;
  journal[journal.size() / 2] ^= 1;
  WriteAll(JournalPath(), journal);
  EXPECT_THAT(Refusal(), HasSubstr("damaged"));
  EXPECT_EQ(RunUntil(100).code(), StatusCode::kCorruptInput);
  WriteAll(JournalPath(), good);
  ExpectFinished(Resume(), kFrames - 24);
}

TEST_F(ResumeTest, DamagedJournalCanBeStartedOver) {
  StopAfter(3);
  WriteAll(JournalPath(), "octoscale journal 9\n");
  EXPECT_THAT(Refusal(), HasSubstr("format '9'"));
  options_.writer.overwrite = true;
  EXPECT_TRUE(RunUntil(100).ok());
  EXPECT_THAT(dir_.Names(), ElementsAre("in.mp4", "out.mp4"));
}

TEST_F(ResumeTest, DamagedSegmentIsMadeAgain) {
  StopAfter(4);
  std::string segment = ReadAll(SegmentPath(1));
  segment[segment.size() / 2] ^= 1;
  WriteAll(SegmentPath(1), segment);
  const auto report = Resume();
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_THAT(AllText(report->warnings), HasSubstr("the frames from 8 on are made again"));
  ExpectFinished(report, kFrames - 8);
}

TEST_F(ResumeTest, MissingSegmentIsMadeAgainEvenWhenStoppedThen) {
  StopAfter(4);
  fs::remove(SegmentPath(0));
  options_.journal.mode = JournalMode::kResume;
  EXPECT_EQ(RunUntil(0).code(), StatusCode::kUnavailable);
  options_.journal.mode = JournalMode::kStart;
  ExpectFinished(Resume(), kFrames);
}

TEST_F(ResumeTest, StrangersInTheDirectoryAreRemoved) {
  StopAfter(2);
  WriteAll(SegmentPath(2) + ".part", "half of a segment");
  WriteAll(SegmentPath(2), "closed, but not in the journal");
  WriteAll(JournalDirectory(output_) + "/.out.mp4.partial-abcdef", "half of a join");
  ExpectFinished(Resume(), kFrames - 16);
}

TEST_F(ResumeTest, LostBetweenTheNewNameAndTheEndOfTheJournal) {
  StopAfter(3);
  const auto journal = ParseJournal(ReadAll(JournalPath()), "j");
  ASSERT_TRUE(journal.ok() && journal->has_value());
  WriteAll(output_, "complete");
  // Somebody else's file is in the way.
  EXPECT_THAT(Refusal(), HasSubstr("exists"));
  struct stat info {};
  ASSERT_EQ(stat(output_.c_str(), &info), 0);
  uint64_t hash = (*journal)->last_hash;
  std::ofstream(JournalPath(), std::ios::app)
      << JournalLine(JoinRecord{info.st_dev, info.st_ino}, &hash);
  const auto report = Resume();
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(upscaled_, 0);
  EXPECT_EQ(report->frames, 24);
  EXPECT_EQ(ReadAll(output_), "complete");
  EXPECT_THAT(dir_.Names(), ElementsAre("in.mp4", "out.mp4"));
}

TEST_F(ResumeTest, LostWhileJoining) {
  // A journal of all frames, short last segment included: as after a kill in the middle of joining.
  CancelToken cancel;
  NearestUpscaler upscaler(2);
  const std::string kept = dir_ / "kept";
  options_.writer.encoder.extra = {{"qp", "20"}};
  StopAfter(5);
  fs::copy(JournalDirectory(output_), kept, fs::copy_options::recursive);
  ASSERT_TRUE(Resume().ok());
  const std::string expected = ReadAll(output_);
  fs::remove(output_);
  // The last segment again, this time without the join: its directory can't be written for.
  fs::rename(kept, JournalDirectory(output_));
  PipelineOptions options = options_;
  options.journal.mode = JournalMode::kResume;
  const auto failing =
      RunPipeline(input_, output_, upscaler, options, [&](const PipelineProgress& progress) {
        if (progress.frames_done == kFrames) fs::create_directory(output_);
      });
  ASSERT_FALSE(failing.ok());
  fs::remove(output_);
  EXPECT_EQ((*FindKeptWork(output_))->frames, kFrames);
  const auto report = Resume();
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(upscaled_, 0);
  EXPECT_EQ(report->frames_resumed, kFrames);
  EXPECT_TRUE(ReadAll(output_) == expected);
  EXPECT_THAT(dir_.Names(), ElementsAre("in.mp4", "out.mp4"));
}

TEST_F(ResumeTest, AnEmptyDirectoryThatAKillLeftIsRemoved) {
  WriteAll(output_, "complete");
  fs::create_directory(JournalDirectory(output_));
  EXPECT_EQ(Resume().status().code(), StatusCode::kAlreadyExists);
  EXPECT_THAT(dir_.Names(), ElementsAre("in.mp4", "out.mp4"));
  fs::create_directory(JournalDirectory(output_));
  {
    const auto held = JournalDir::Open(output_);
    ASSERT_TRUE(held.ok());
    RemoveEmptyJournalDirectory(output_);
    EXPECT_TRUE(fs::exists(JournalDirectory(output_))) << "a run is about to use it";
  }
  fs::remove(output_);
  ExpectFinished(Resume(), kFrames);
}

TEST_F(ResumeTest, TwoRunsAtOnceAreRefused) {
  StopAfter(1);
  {
    const auto held = JournalDir::Open(output_);
    ASSERT_TRUE(held.ok());
    EXPECT_THAT(Refusal(), HasSubstr("another octoscale is writing it"));
  }
  ExpectFinished(Resume(), kFrames - 8);
}

TEST_F(ResumeTest, ReadOnlyJournalDirectoryIsTold) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write anywhere";
  StopAfter(1);
  fs::permissions(JournalDirectory(output_), fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_THAT(Refusal(), HasSubstr("not writable"));
  fs::permissions(JournalDirectory(output_), fs::perms::owner_all);
  ExpectFinished(Resume(), kFrames - 8);
}

TEST_F(ResumeTest, FileInPlaceOfTheDirectoryIsTold) {
  WriteAll(JournalDirectory(output_), "in the way");
  EXPECT_THAT(Refusal(), HasSubstr(".out.mp4.octoscale"));
}

TEST_F(ResumeTest, CancelLeavesClosedSegments) {
  CancelToken cancel;
  NearestUpscaler upscaler(2, 1, [&](int call, const CancelToken& token) -> Status {
    if (call < 2) return OkStatus();
    while (true) {
      const auto kept = FindKeptWork(output_);
      if (kept.ok() && kept->has_value() && (*kept)->frames == 16) cancel.Cancel();
      OCTO_RETURN_IF_ERROR(SleepUnlessCancelled(std::chrono::milliseconds(2), token));
    }
  });
  const auto report = RunPipeline(input_, output_, upscaler, options_, {}, cancel);
  EXPECT_EQ(report.status().code(), StatusCode::kCancelled);
  ExpectFinished(Resume(), kFrames - 16);
}

TEST_F(ResumeTest, JournalHoldsTheHashesOfTheUpscaledFrames) {
  StopAfter(2);
  const auto journal = ParseJournal(ReadAll(JournalPath()), "j");
  ASSERT_TRUE(journal.ok() && journal->has_value());
  const auto reader = VideoReader::Open(input_, {});
  ASSERT_TRUE(reader.ok());
  ColourToRgb to_rgb(SampleType::kU8, false);
  for (int i = 0; i < 16; ++i) {
    auto picture = (*reader)->Next();
    ASSERT_TRUE(picture.ok() && picture->has_value());
    const auto frame = to_rgb.Convert(**picture);
    ASSERT_TRUE(frame.ok());
    EXPECT_EQ((*journal)->segments[i / 8].frame_hashes[i % 8], HashFrame(RepeatPixels(*frame, 2)));
  }
}

TEST(JournalDirectoryTest, LiesBesideTheOutputUnderAnyName) {
  EXPECT_EQ(JournalDirectory("out.mp4"), ".out.mp4.octoscale");
  EXPECT_EQ(JournalDirectory("/a/b/out.mp4"), "/a/b/.out.mp4.octoscale");
  const std::string a = JournalDirectory("/a/" + std::string(250, 'x') + "1.mp4");
  const std::string b = JournalDirectory("/a/" + std::string(250, 'x') + "2.mp4");
  EXPECT_NE(a, b);
  EXPECT_LE(a.size(), 3u + 255u);
}

}  // namespace
}  // namespace octoscale
