#include "vidaio/answer_size.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "video/test_media.h"

namespace octoscale {
namespace {

class AnswerSizeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Ffmpeg(
        "-f lavfi -i testsrc2=s=128x96:r=30 -f lavfi -i sine=d=0.3 -frames:v 9 -shortest "
        "-vf noise=alls=60:allf=t -c:v libx265 -x265-params log-level=none -crf 4 "
        "-preset ultrafast -pix_fmt yuv420p -c:a aac -f mp4 " +
        Quote(path_));
    rules_.encoder.codec = "libx265";
    rules_.encoder.crf = 4;
    rules_.encoder.preset = "ultrafast";
    rules_.encoder.extra = {{"x265-params", "info=0"}};
    rules_.bytes_max = Size();
  }
  int64_t Size() const { return static_cast<int64_t>(std::filesystem::file_size(path_)); }

  TempDir dir_;
  const std::string path_ = dir_ / "unnamed";
  AnswerSizeRules rules_;
  bool again_ = false;
};

TEST_F(AnswerSizeTest, WhatFitsIsNotTouched) {
  const std::string before = RunShell("sha256sum " + Quote(path_));
  EXPECT_TRUE(FitAnswer(path_, rules_, {}, &again_).ok());
  EXPECT_FALSE(again_);
  EXPECT_EQ(RunShell("sha256sum " + Quote(path_)), before);
}

TEST_F(AnswerSizeTest, WhatIsTooLargeIsEncodedAgainWithEveryFrameTimeAndTheSound) {
  const std::vector<double> times = FrameTimes(path_);
  for (const int part : {2, 5}) {
    rules_.bytes_max = Size() / part;
    again_ = false;
    const Status status = FitAnswer(path_, rules_, {}, &again_);
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_TRUE(again_);
    EXPECT_LE(Size(), rules_.bytes_max);
    EXPECT_EQ(FrameTimes(path_), times);
    EXPECT_EQ(VideoEntry(path_, "width"), "128");
    EXPECT_THAT(Ffprobe(path_, "-show_entries stream=codec_name"), ::testing::HasSubstr("aac"));
  }
  EXPECT_EQ(dir_.Names(), std::vector<std::string>{"unnamed"});
}

TEST_F(AnswerSizeTest, WhatNeverFitsIsAnError) {
  rules_.bytes_max = 900;
  const Status status = FitAnswer(path_, rules_, {}, &again_);
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(dir_.Names(), std::vector<std::string>{"unnamed"});
}

TEST_F(AnswerSizeTest, ATakenSizeGetsAnEmptyBox) {
  const int64_t before = Size();
  rules_.taken = {before};
  EXPECT_EQ(FitAnswer(path_, rules_, {}, nullptr).code(), StatusCode::kResourceExhausted);
  rules_.bytes_max += 8;
  EXPECT_TRUE(FitAnswer(path_, rules_, {}, nullptr).ok());
  EXPECT_EQ(Size(), before + 8);
  EXPECT_EQ(FrameTimes(path_).size(), 9u);
}

TEST_F(AnswerSizeTest, ItStopsWhenAsked) {
  rules_.bytes_max = Size() / 2;
  CancelToken cancel;
  cancel.Cancel();
  EXPECT_EQ(FitAnswer(path_, rules_, cancel, nullptr).code(), StatusCode::kCancelled);
}

}  // namespace
}  // namespace octoscale
