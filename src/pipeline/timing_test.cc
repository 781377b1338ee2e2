// Every frame keeps its time.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/test_run.h"

namespace octoscale {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

// Times agree to half a tick of the coarser container (Matroska has milliseconds).
void ExpectSameTimes(const std::string& a, const std::string& b, double tolerance) {
  const std::vector<double> times_a = FrameTimes(a);
  const std::vector<double> times_b = FrameTimes(b);
  ASSERT_EQ(times_a.size(), times_b.size());
  for (size_t i = 0; i < times_a.size(); ++i) {
    EXPECT_NEAR(times_a[i], times_b[i], tolerance) << "frame " << i;
  }
}

double FirstSound(const std::string& path) {
  const std::string packets =
      Ffprobe(path, "-select_streams a -read_intervals %+#1 -show_entries packet=pts_time");
  return std::stod(packets.substr(packets.find('=') + 1));
}

// 30 pictures at 0, 1, 4, 9 ... ticks of 1/600 s.
void MakeVfr(const std::string& path) {
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 30 -vf " + Quote("settb=1/600,setpts=N*N") +
         " -fps_mode passthrough -enc_time_base -1 "
         "-c:v libx264 -bf 3 -pix_fmt yuv420p -video_track_timescale 600 " +
         Quote(path));
}

TEST(TimingTest, TailFramesBehindBFramesAreThere) {
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 37 -c:v libx264 -bf 3 -pix_fmt yuv420p " +
         Quote(dir / "in.mp4"));
  for (const char* codec : {"libx264", "ffv1"}) {
    const std::string out = dir / (std::string(codec) + ".mkv");
    EXPECT_EQ(DoubleOk(dir / "in.mp4", out, WithCodec(codec)).frames, 37);
    EXPECT_EQ(FrameTimes(out).size(), 37u);
  }
}

TEST(TimingTest, VariableRateStaysVariable) {
  TempDir dir;
  MakeVfr(dir / "in.mp4");
  for (const char* name : {"out.mp4", "out.mov"}) {
    DoubleOk(dir / "in.mp4", dir / name);
    ExpectSameTimes(dir / "in.mp4", dir / name, 1e-6);
  }
  DoubleOk(dir / "in.mp4", dir / "out.mkv");
  ExpectSameTimes(dir / "in.mp4", dir / "out.mkv", 0.00051);
}

TEST(TimingTest, VariableRateMatroskaAnnouncesNoRate) {
  TempDir dir;
  MakeVfr(dir / "in.mp4");
  DoubleOk(dir / "in.mp4", dir / "out.mkv");
  // A default duration in the track header would show up as a frame rate before any probing.
  EXPECT_EQ(RunShell("ffmpeg -v error -i " + Quote(dir / "out.mkv") +
                     " -map 0:v -c copy -f framecrc - | grep -c '^0,'"),
            "30\n");
}

TEST(TimingTest, NtscRateIsKeptExactlyInMp4) {
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=30000/1001 -frames:v 20 -c:v libx264 -pix_fmt yuv420p " +
         Quote(dir / "in.mp4"));
  DoubleOk(dir / "in.mp4", dir / "out.mp4");
  EXPECT_EQ(VideoEntry(dir / "out.mp4", "r_frame_rate"), "30000/1001");
  EXPECT_EQ(VideoEntry(dir / "out.mp4", "avg_frame_rate"), "30000/1001");
  EXPECT_EQ(VideoEntry(dir / "out.mp4", "time_base"), VideoEntry(dir / "in.mp4", "time_base"));
  EXPECT_EQ(FrameEntries(dir / "out.mp4", "pts"), FrameEntries(dir / "in.mp4", "pts"));
  EXPECT_EQ(VideoEntry(dir / "out.mp4", "duration_ts"), VideoEntry(dir / "in.mp4", "duration_ts"));
}

TEST(TimingTest, StartOffsetOfTheVideoIsKept) {
  TempDir dir;
  Ffmpeg(
      "-f lavfi -i sine=d=4 -f lavfi -i testsrc2=s=64x48:r=25:d=1 -vf setpts=PTS+1.5/TB "
      "-fps_mode passthrough -map 1:v -map 0:a -c:v libx264 -pix_fmt yuv420p -c:a aac " +
      Quote(dir / "in.mp4"));
  ASSERT_GT(FrameTimes(dir / "in.mp4").front(), 1.4);
  for (const char* name : {"out.mp4", "out.mkv", "out.mov"}) {
    DoubleOk(dir / "in.mp4", dir / name);
    ExpectSameTimes(dir / "in.mp4", dir / name, 0.00051);
  }
}

TEST(TimingTest, StartOffsetOfEverythingIsKept) {
  TempDir dir;
  Ffmpeg(
      "-f lavfi -i testsrc2=s=64x48:r=25:d=1 -f lavfi -i sine=d=1 -output_ts_offset 5 "
      "-c:v libx264 -bf 2 -pix_fmt yuv420p -c:a mp2 " +
      Quote(dir / "in.ts"));
  const double start = FrameTimes(dir / "in.ts").front();
  ASSERT_GT(start, 4);
  DoubleOk(dir / "in.ts", dir / "out.mkv");
  ExpectSameTimes(dir / "in.ts", dir / "out.mkv", 0.00051);
  DoubleOk(dir / "in.ts", dir / "out.mp4");
  ExpectSameTimes(dir / "in.ts", dir / "out.mp4", 0.00002);
}

TEST(TimingTest, NegativeFirstTimeLosesNoFrame) {
  TempDir dir;
  // The 33-bit clock of a transport stream wraps in the middle: what comes before is negative.
  Ffmpeg(
      "-f lavfi -i testsrc2=s=64x48:r=25:d=1 -f lavfi -i sine=d=1 -c:v libx264 -bf 2 "
      "-pix_fmt yuv420p -c:a mp2 -output_ts_offset 95441.9 " +
      Quote(dir / "in.ts"));
  const std::vector<double> source = FrameTimes(dir / "in.ts");
  ASSERT_LT(source.front(), 0);
  for (const char* name : {"out.mp4", "out.mkv"}) {
    const PipelineReport report = DoubleOk(dir / "in.ts", dir / name);
    EXPECT_EQ(report.frames, 25);
    EXPECT_THAT(AllText(report.warnings), HasSubstr("moved to 0"));
    const std::vector<double> times = FrameTimes(dir / name);
    ASSERT_EQ(times.size(), 25u) << name;
    for (size_t i = 0; i < times.size(); ++i) {
      EXPECT_NEAR(times[i] - times[0], source[i] - source[0], 0.00051) << name;
    }
    // Sound and picture moved together.
    EXPECT_NEAR(FirstSound(dir / name) - times[0], FirstSound(dir / "in.ts") - source[0], 0.002)
        << name;
  }
}

TEST(TimingTest, DuplicateTimesLoseNoFrame) {
  TempDir dir;
  // Two pictures share each time stamp.
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 20 -c:v ffv1 -bsf:v " +
         Quote("setts=pts=2*floor(PTS/2/40)*40:dts=2*floor(PTS/2/40)*40") + " " +
         Quote(dir / "in.mkv"));
  const PipelineReport report = DoubleOk(dir / "in.mkv", dir / "out.mkv");
  EXPECT_EQ(report.frames, 20);
  EXPECT_EQ(FrameTimes(dir / "out.mkv").size(), 20u);
  EXPECT_THAT(AllText(report.warnings), HasSubstr("moved up"));
}

TEST(TimingTest, ClockThatStartsAnewIsJoined) {
  TempDir dir;
  Ffmpeg(
      "-f lavfi -i testsrc2=s=64x48:r=25:d=2 -f lavfi -i sine=d=2 -c:v libx264 -bf 2 "
      "-pix_fmt yuv420p -c:a mp2 " +
      Quote(dir / "part.ts"));
  RunShell("cat " + Quote(dir / "part.ts") + " " + Quote(dir / "part.ts") + " > " +
           Quote(dir / "in.ts"));
  const PipelineReport report = DoubleOk(dir / "in.ts", dir / "out.mp4");
  EXPECT_EQ(report.frames, 100);
  EXPECT_THAT(AllText(report.warnings), HasSubstr("starts anew 1 times"));
  const std::vector<double> times = FrameTimes(dir / "out.mp4");
  ASSERT_EQ(times.size(), 100u);
  for (size_t i = 1; i < times.size(); ++i) {
    EXPECT_NEAR(times[i] - times[i - 1], 0.04, i == 50 ? 0.1 : 0.001) << i;
  }
  const double audio = std::stod(
      Ffprobe(dir / "out.mp4", "-select_streams a:0 -show_entries stream=duration").substr(9));
  EXPECT_NEAR(audio, 4, 0.1);
}

TEST(TimingTest, EditListIsHonoured) {
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25:d=2 -c:v libx264 -g 50 -pix_fmt yuv420p " +
         Quote(dir / "whole.mp4"));
  // A copied cut between keyframes: the edit list hides the pictures before it.
  Ffmpeg("-ss 0.52 -i " + Quote(dir / "whole.mp4") + " -c copy " + Quote(dir / "in.mp4"));
  const size_t shown = FrameTimes(dir / "in.mp4").size();
  ASSERT_LT(shown, 50u);
  EXPECT_EQ(DoubleOk(dir / "in.mp4", dir / "out.mp4").frames, static_cast<int64_t>(shown));
  ExpectSameTimes(dir / "in.mp4", dir / "out.mp4", 0.0001);
}

TEST(TimingTest, StartAndDurationAreFrameAccurate) {
  TempDir dir;
  Ffmpeg(
      "-f lavfi -i testsrc2=s=64x48:r=10:d=6 -f lavfi -i sine=d=6 -c:v libx264 -g 100 -bf 3 "
      "-pix_fmt yuv420p -c:a aac " +
      Quote(dir / "in.mp4"));
  PipelineOptions options = WithCodec("ffv1");
  options.reader.start_seconds = 2.3;
  options.reader.duration_seconds = 1.5;
  options.writer.encoder.pixel_format = "yuv420p";
  EXPECT_EQ(DoubleOk(dir / "in.mp4", dir / "out.mkv", options).frames, 15);
  EXPECT_EQ(FrameTimes(dir / "out.mkv").front(), 0);
  // The same pictures as the whole video's 23rd to 37th.
  DoubleOk(dir / "in.mp4", dir / "whole.mkv", WithCodec("ffv1"));
  const std::vector<std::string> whole = FrameHashes(dir / "whole.mkv", "yuv420p");
  EXPECT_EQ(FrameHashes(dir / "out.mkv", "yuv420p"),
            std::vector<std::string>(whole.begin() + 23, whole.begin() + 38));
  // The sound is cut to the same window.
  const double audio = std::stod(RunShell("ffmpeg -v error -i " + Quote(dir / "out.mkv") +
                                          " -map 0:a -f s16le -ac 1 -ar 1000 - | wc -c")) /
                       2000;
  EXPECT_NEAR(audio, 1.5, 0.1);
}

TEST(TimingTest, FrameLimitEndsTheOtherStreamsToo) {
  TempDir dir;
  Ffmpeg(
      "-f lavfi -i testsrc2=s=64x48:r=10:d=4 -f lavfi -i sine=d=4 -c:v libx264 -pix_fmt yuv420p "
      "-c:a aac " +
      Quote(dir / "in.mp4"));
  PipelineOptions options;
  options.reader.frames = 12;
  EXPECT_EQ(DoubleOk(dir / "in.mp4", dir / "out.mp4", options).frames, 12);
  const double audio = std::stod(
      Ffprobe(dir / "out.mp4", "-select_streams a:0 -show_entries stream=duration").substr(9));
  EXPECT_NEAR(audio, 1.2, 0.1);
}

TEST(TimingTest, LimitBeyondTheEndCutsNothing) {
  TempDir dir;
  Ffmpeg(
      "-f lavfi -i testsrc2=s=64x48:r=10:d=1 -f lavfi -i sine=d=2 -c:v libx264 -pix_fmt yuv420p "
      "-c:a aac " +
      Quote(dir / "in.mp4"));
  PipelineOptions options;
  options.reader.frames = 1000;
  EXPECT_EQ(DoubleOk(dir / "in.mp4", dir / "out.mp4", options).frames, 10);
  const double audio = std::stod(
      Ffprobe(dir / "out.mp4", "-select_streams a:0 -show_entries stream=duration").substr(9));
  EXPECT_NEAR(audio, 2, 0.05);
}

TEST(TimingTest, LastFramesDurationIsKept) {
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 10 -c:v libx264 -bf 0 -pix_fmt yuv420p " +
         Quote(dir / "even.mp4"));
  Ffmpeg("-i " + Quote(dir / "even.mp4") + " -c copy -bsf:v " +
         Quote("setts=duration=if(eq(N\\,9)\\,3*DURATION\\,DURATION)") + " " +
         Quote(dir / "in.mp4"));
  const std::string duration = Ffprobe(dir / "in.mp4", "-show_entries format=duration");
  ASSERT_EQ(duration, "duration=0.480000");
  DoubleOk(dir / "in.mp4", dir / "out.mp4");
  EXPECT_EQ(Ffprobe(dir / "out.mp4", "-show_entries format=duration"), duration);
  DoubleOk(dir / "in.mp4", dir / "out.mkv");
  EXPECT_EQ(Ffprobe(dir / "out.mkv", "-show_entries format=duration"), duration);
}

}  // namespace
}  // namespace octoscale
