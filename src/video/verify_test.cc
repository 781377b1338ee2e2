// VerifyVideo on outputs that are right, and on outputs damaged on purpose.
#include "video/verify.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "video/test_media.h"

namespace octoscale {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kClip[] = "-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 12 ";
constexpr char kTags[] =
    "-colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range tv ";
constexpr char kX264[] = "-c:v libx264 -preset ultrafast -crf 8 -pix_fmt yuv420p ";
constexpr char kDouble[] = "scale=128:96:flags=neighbor";

// A tagged clip with sound and chapters, and an upscaled copy of it that keeps everything.
class VerifyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string chapters = dir_ / "chapters.txt";
    std::ofstream(chapters) << ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=200\n"
                               "title=One\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=200\nEND=480\n"
                               "title=Two\n";
    Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25 -f lavfi -i sine=d=0.48 -i " + Quote(chapters) +
           " -map 0 -map 1 -map_metadata 2 -frames:v 12 -vf setsar=1 " + kX264 + kTags +
           "-c:a aac -metadata:s:a:0 language=deu " + Quote(input_));
    Encode(kDouble, good_);
  }

  // The input through a filter and the encoder, everything else copied.
  void Encode(const std::string& filter, const std::string& output,
              const std::string& options = "") {
    Ffmpeg("-i " + Quote(input_) + " -map 0 -vf " + Quote(filter) +
           " -fps_mode passthrough -enc_time_base -1 " + kX264 + kTags + "-c:a copy " + options +
           " " + Quote(output));
  }

  VerifyReport Verify(const std::string& output, const VerifyOptions& options = {}) {
    const Result<VerifyReport> report = VerifyVideo(input_, output, options);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *report : VerifyReport();
  }

  TempDir dir_;
  const std::string input_ = dir_ / "in.mp4";
  const std::string good_ = dir_ / "good.mp4";
  const std::string bad_ = dir_ / "bad.mp4";
};

std::string Found(const VerifyReport& report, const std::string& name) {
  for (const VerifyCheck& check : report.checks) {
    if (check.name == name) return check.found;
  }
  return "no such check";
}

std::string Table(const VerifyReport& report) {
  std::string text;
  for (const VerifyCheck& check : report.checks) {
    text += (check.ok ? "ok   " : "FAIL ") + check.name + ": expected " + check.expected +
            ", found " + check.found + "\n";
  }
  return text;
}

TEST_F(VerifyTest, GoodOutputPassesEveryCheck) {
  const VerifyReport report = Verify(good_);
  EXPECT_TRUE(report.ok()) << Table(report);
  EXPECT_EQ(report.checks.size(), 28u) << Table(report);
  EXPECT_EQ(Found(report, "frame_count"), "12");
  EXPECT_EQ(Found(report, "audio_streams"), "1 (deu)");
  EXPECT_EQ(Found(report, "chapters"), "2");
}

TEST_F(VerifyTest, MatroskaRoundsTimesAndPasses) {
  Ffmpeg("-i " + Quote(good_) + " -map 0:v -c copy " + Quote(dir_ / "good.mkv"));
  VerifyOptions options;
  options.ignored = {"audio_streams"};
  const VerifyReport report = Verify(dir_ / "good.mkv", options);
  EXPECT_TRUE(report.ok()) << Table(report);
}

TEST_F(VerifyTest, VariableRateAndStartOffsetAreCompared) {
  const std::string vfr = dir_ / "vfr.mkv";
  Ffmpeg("-i " + Quote(input_) + " -map 0:v -vf " +
         Quote("select='not(eq(mod(n,4),2))',setpts=PTS+1.5/TB") + " -fps_mode passthrough " +
         kX264 + kTags + Quote(vfr));
  Ffmpeg("-copyts -i " + Quote(vfr) + " -vf " + Quote(kDouble) +
         " -fps_mode passthrough -enc_time_base -1 " + kX264 + kTags + Quote(bad_));
  Result<VerifyReport> report = VerifyVideo(vfr, bad_, {});
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_TRUE(report->ok()) << Table(*report);
  // The same pictures from 0 on.
  Ffmpeg("-i " + Quote(bad_) + " -c copy " + Quote(dir_ / "zero.mp4"));
  report = VerifyVideo(vfr, dir_ / "zero.mp4", {});
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_THAT(report->Failures(), HasSubstr("start_time")) << Table(*report);
  EXPECT_THAT(report->Failures(), Not(HasSubstr("frame_times"))) << Table(*report);
}

TEST_F(VerifyTest, DroppedFrameLeavesAGap) {
  Encode(std::string("select='not(eq(n,5))',") + kDouble, bad_);
  const VerifyReport report = Verify(bad_);
  EXPECT_THAT(report.Failures(), HasSubstr("frame_count, frame_times, frame_durations"));
  EXPECT_EQ(Found(report, "frame_count"), "11");
  EXPECT_THAT(Found(report, "frame_times"), HasSubstr("missing: 1, first at frame 5 (0.200 s)"));
}

TEST_F(VerifyTest, DroppedFrameWithTheGapClosed) {
  Encode(std::string("select='not(eq(n,5))',setpts=N/25/TB,") + kDouble, bad_);
  const VerifyReport report = Verify(bad_);
  EXPECT_THAT(report.Failures(), HasSubstr("frame_count"));
  EXPECT_THAT(report.Failures(), HasSubstr("frame_order"));
  EXPECT_THAT(Found(report, "frame_order"), HasSubstr("first at frame 5 (0.200 s)"));
}

TEST_F(VerifyTest, DroppedTail) {
  Encode(std::string(kDouble), bad_, "-frames:v 10");
  const VerifyReport report = Verify(bad_);
  EXPECT_THAT(report.Failures(), HasSubstr("frame_count"));
  EXPECT_THAT(report.Failures(), HasSubstr("duration"));
  EXPECT_THAT(Found(report, "frame_times"), HasSubstr("missing: 2, first at frame 10 (0.400 s)"));
}

TEST_F(VerifyTest, DoubledFrame) {
  Encode(std::string("loop=loop=1:size=1:start=5,setpts=N/25/TB,") + kDouble, bad_);
  const VerifyReport longer = Verify(bad_);
  EXPECT_EQ(Found(longer, "frame_count"), "13");
  EXPECT_THAT(Found(longer, "frame_times"), HasSubstr("extra: 1"));
  // The count kept, as when a frame is lost and another shown twice.
  Encode(std::string("loop=loop=1:size=1:start=5,setpts=N/25/TB,") + kDouble, bad_, "-frames:v 12");
  const VerifyReport report = Verify(bad_);
  EXPECT_EQ(Found(report, "frame_count"), "12");
  EXPECT_EQ(report.Failures(), "frozen_frames, frame_order") << Table(report);
  EXPECT_THAT(Found(report, "frozen_frames"), HasSubstr("first at frame 6 (0.240 s)"));
  EXPECT_THAT(Found(report, "frame_order"), HasSubstr("first at frame 6 (0.240 s)"));
}

TEST_F(VerifyTest, FrameShownTooLate) {
  Encode(std::string("setpts='if(eq(N,5),PTS+0.01/TB,PTS)',") + kDouble, bad_);
  const VerifyReport report = Verify(bad_);
  EXPECT_THAT(report.Failures(), HasSubstr("frame_times"));
}

TEST_F(VerifyTest, ChangedTags) {
  Ffmpeg("-i " + Quote(good_) +
         " -map 0:v -map 0:a -c copy -bsf:v h264_metadata=colour_primaries=9:" +
         "transfer_characteristics=16:matrix_coefficients=9:video_full_range_flag=1 " +
         Quote(dir_ / "bad.mkv"));
  const VerifyReport report = Verify(dir_ / "bad.mkv");
  for (const char* name :
       {"colour_matrix", "colour_range", "colour_primaries", "colour_transfer"}) {
    EXPECT_THAT(report.Failures(), HasSubstr(name)) << Table(report);
  }
  EXPECT_EQ(Found(report, "colour_transfer"), "smpte2084");
}

TEST_F(VerifyTest, SizeOffByOne) {
  Encode("scale=127:96:flags=neighbor", bad_, "-pix_fmt yuv444p");
  const VerifyReport report = Verify(bad_);
  EXPECT_THAT(report.Failures(), HasSubstr("dimensions"));
  EXPECT_EQ(Found(report, "dimensions"), "127x96");
  EXPECT_THAT(Found(report, "psnr"), HasSubstr("no whole multiple"));
}

TEST_F(VerifyTest, PictureMovedByOnePixel) {
  for (const auto& [move, text] : {std::pair("crop=127:96:0:0,pad=128:96:1:0", "1 px to the right"),
                                   std::pair("crop=128:95:0:1,pad=128:96:0:0", "1 px up")}) {
    Encode(std::string(kDouble) + ",format=yuv444p," + move, bad_, "-pix_fmt yuv444p");
    const VerifyReport report = Verify(bad_);
    EXPECT_THAT(report.Failures(), HasSubstr("alignment")) << Table(report);
    EXPECT_EQ(Found(report, "alignment"), text);
  }
}

TEST_F(VerifyTest, OtherAspectRatio) {
  Encode(std::string(kDouble) + ",setsar=4/3", bad_);
  const VerifyReport report = Verify(bad_);
  EXPECT_EQ(report.Failures(), "sample_aspect_ratio");
  EXPECT_EQ(Found(report, "sample_aspect_ratio"), "4:3");
}

TEST_F(VerifyTest, BlackFrame) {
  Encode(std::string(kDouble) + ",drawbox=c=black:t=fill:enable='eq(n,4)'", bad_);
  const VerifyReport report = Verify(bad_);
  EXPECT_THAT(report.Failures(), HasSubstr("black_frames"));
  EXPECT_EQ(Found(report, "black_frames"), "1, first at frame 4 (0.160 s)");
}

TEST_F(VerifyTest, ScrambledPicture) {
  Encode(std::string(kDouble) + ",hflip,negate", bad_);
  EXPECT_THAT(Verify(bad_).Failures(), HasSubstr("psnr"));
}

TEST_F(VerifyTest, StreamsLeftOutUnlessIgnored) {
  Ffmpeg("-i " + Quote(good_) + " -map 0:v -map_chapters -1 -c copy " + Quote(bad_));
  EXPECT_EQ(Verify(bad_).Failures(), "audio_streams, chapters");
  VerifyOptions options;
  options.ignored = {"audio_streams", "chapters"};
  EXPECT_TRUE(Verify(bad_, options).ok());
  options.ignored = {"audio"};
  const Result<VerifyReport> unknown = VerifyVideo(input_, bad_, options);
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(unknown.status().message(), HasSubstr("audio_streams"));
}

TEST_F(VerifyTest, EveryCheckCanBeIgnored) {
  VerifyOptions options;
  for (const VerifyCheck& check : Verify(good_).checks) options.ignored.push_back(check.name);
  EXPECT_TRUE(Verify(good_, options).checks.empty());
}

TEST_F(VerifyTest, Expectations) {
  VerifyOptions options;
  options.scale = 4;
  options.codec = "hevc";
  options.profile = "Main 10";
  options.pixel_format = "yuv420p10le";
  options.psnr_db_min = 99;
  EXPECT_EQ(Verify(good_, options).Failures(), "dimensions, codec, profile, pixel_format, psnr");
}

TEST_F(VerifyTest, FewerBitsThanTheInput) {
  Ffmpeg(std::string(kClip) + "-c:v libx264 -pix_fmt yuv420p10le -preset ultrafast " +
         Quote(dir_ / "ten.mp4"));
  Ffmpeg("-i " + Quote(dir_ / "ten.mp4") + " -vf " + kDouble + " " + kX264 + Quote(bad_));
  const Result<VerifyReport> report = VerifyVideo(dir_ / "ten.mp4", bad_, {});
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->Failures(), "pixel_format") << Table(*report);
}

TEST_F(VerifyTest, CutOffOutputIsUnreadable) {
  std::filesystem::copy_file(good_, bad_);
  std::filesystem::resize_file(bad_, std::filesystem::file_size(bad_) / 2);
  const VerifyReport report = Verify(bad_);
  EXPECT_EQ(report.Failures(), "readable");
  EXPECT_EQ(report.checks.size(), 1u);
  EXPECT_EQ(Verify(dir_ / "none.mp4").Failures(), "readable");
}

TEST_F(VerifyTest, UnreadableInputIsAnError) {
  EXPECT_EQ(VerifyVideo(dir_ / "none.mp4", good_, {}).status().code(), StatusCode::kNotFound);
  const CancelToken cancel;
  cancel.Cancel();
  EXPECT_EQ(VerifyVideo(input_, good_, {}, cancel).status().code(), StatusCode::kCancelled);
}

}  // namespace
}  // namespace octoscale
