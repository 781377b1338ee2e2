// Inputs that are whole, but unusual.
#include "gmock/gmock.h"
#include "pipeline/test_run.h"

namespace octoscale {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kClip = "-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 8 ";

TEST(OddInputTest, StereoFlagsAreKept) {
  TempDir dir;
  Ffmpeg(std::string(kClip) +
         "-c:v libx264 -pix_fmt yuv420p -metadata:s:v stereo_mode=left_right " +
         Quote(dir / "in.mkv"));
  DoubleOk(dir / "in.mkv", dir / "out.mkv");
  EXPECT_THAT(RunShell("ffprobe -v error -show_streams " + Quote(dir / "out.mkv")),
              HasSubstr("side by side"));
}

// Chroma, depth and tags may change between pictures; only the size may not.
TEST(OddInputTest, PixelFormatThatChangesMidStream) {
  TempDir dir;
  for (const auto& [name, format] : {std::pair("a.ts", "yuv420p -colorspace bt709"),
                                     {"b.ts", "yuv444p -colorspace smpte170m"}}) {
    Ffmpeg(std::string(kClip) + "-c:v libx264 -bf 0 -pix_fmt " + format + " " + Quote(dir / name));
  }
  RunShell("cat " + Quote(dir / "a.ts") + " " + Quote(dir / "b.ts") + " > " + Quote(dir / "in.ts"));
  DoubleOk(dir / "in.ts", dir / "out.mkv", WithCodec("ffv1"));
  EXPECT_EQ(FrameTimes(dir / "out.mkv").size(), FrameTimes(dir / "in.ts").size());
  EXPECT_EQ(FrameTimes(dir / "out.mkv").size(), 16u);
}

// The deinterlacer starts anew where the pixel format changes, and holds nothing back.
TEST(OddInputTest, PixelFormatThatChangesInInterlacedVideo) {
  TempDir dir;
  std::vector<std::string> expected;
  for (const auto& [name, format] : {std::pair("a", "yuv444p"), {"b", "yuv420p"}}) {
    const std::string part = dir / (std::string(name) + ".ts");
    Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=50 -frames:v 8 -vf format=" + std::string(format) +
           ",interlace -c:v libx264 -bf 0 -flags +ildct+ilme -x264-params tff=1 " + Quote(part));
    const std::string out = dir / (std::string(name) + ".mkv");
    PipelineOptions options = WithCodec("ffv1");
    options.writer.encoder.pixel_format = "yuv444p";
    DoubleOk(part, out, options);
    const std::vector<std::string> hashes = FrameHashes(out, "yuv444p");
    expected.insert(expected.end(), hashes.begin(), hashes.end());
  }
  ASSERT_EQ(expected.size(), 16u);
  RunShell("cat " + Quote(dir / "a.ts") + " " + Quote(dir / "b.ts") + " > " + Quote(dir / "in.ts"));
  EXPECT_THAT(AllText(DoubleOk(dir / "in.ts", dir / "out.mkv", WithCodec("ffv1")).warnings),
              Not(HasSubstr("interlaced")));
  EXPECT_EQ(FrameHashes(dir / "out.mkv", "yuv444p"), expected);
}

// They have too few lines or columns to interpolate.
TEST(OddInputTest, TinyPicturesAreNotDeinterlaced) {
  TempDir dir;
  for (const char* size : {"1x1", "2x16", "16x2", "4x16", "16x6"}) {
    const std::string in = dir / (std::string(size) + ".mkv");
    Ffmpeg("-f lavfi -i testsrc2=s=64x64:r=25 -frames:v 3 -vf scale=" + std::string(size) +
           " -c:v ffv1 -pix_fmt yuv420p " + Quote(in));
    PipelineOptions options = WithCodec("ffv1");
    options.reader.deinterlace = Deinterlace::kOn;
    EXPECT_EQ(DoubleOk(in, dir / (std::string(size) + "-2x.mkv"), options).frames, 3) << size;
  }
}

// Raw streams have no times at all: pictures follow each other at the stream's rate.
TEST(OddInputTest, StreamWithoutTimes) {
  TempDir dir;
  Ffmpeg(std::string(kClip) + "-c:v libx264 -pix_fmt yuv420p " + Quote(dir / "in.h264"));
  DoubleOk(dir / "in.h264", dir / "out.mp4");
  const std::vector<double> times = FrameTimes(dir / "out.mp4");
  ASSERT_EQ(times.size(), 8u);
  for (size_t i = 1; i < times.size(); ++i) EXPECT_NEAR(times[i] - times[i - 1], 0.04, 0.001);
}

// Times that jump back and forth lose no picture, and come out in order.
TEST(OddInputTest, TimesThatJump) {
  TempDir dir;
  Ffmpeg(std::string(kClip) + "-c:v mpeg4 -bsf:v " +
         Quote("setts=pts=if(eq(N\\,4)\\,PTS-3*DURATION\\,PTS):dts=DTS") + " " +
         Quote(dir / "in.mkv"));
  const PipelineReport report = DoubleOk(dir / "in.mkv", dir / "out.mp4");
  EXPECT_EQ(report.frames, 8);
  const std::vector<double> times = FrameTimes(dir / "out.mp4");
  ASSERT_EQ(times.size(), 8u);
  for (size_t i = 1; i < times.size(); ++i) EXPECT_GT(times[i], times[i - 1]);
}

TEST(OddInputTest, WarningsComeWhileItRuns) {
  TempDir dir;
  Ffmpeg(
      "-f lavfi -i testsrc2=s=64x48:r=25:d=0.2 -f lavfi -i testsrc2=s=32x32:r=25:d=0.2 -map 0 "
      "-map 1 -c:v libx264 -pix_fmt yuv420p10le " +
      Quote(dir / "in.mkv"));
  PipelineOptions options = WithCodec("mpeg4");
  std::string told;
  int before_frames = 0;
  int frames = 0;
  options.on_warning = [&](const std::string& text) {
    told += text + "\n";
    before_frames += frames == 0;
  };
  NearestUpscaler upscaler(2);
  const auto report = RunPipeline(dir / "in.mkv", dir / "out.mkv", upscaler, options,
                                  [&](const PipelineProgress&) { ++frames; });
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(told, AllText(report->warnings));
  EXPECT_EQ(before_frames, 2);
  EXPECT_THAT(told, HasSubstr("2 video streams"));
  EXPECT_THAT(told, HasSubstr("10 to 8 bits"));
}

TEST(OddInputTest, FirstDamageIsToldAtOnce) {
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 60 -c:v mpeg2video -g 5 -bsf:v noise=30 " +
         Quote(dir / "in.mpg"));
  PipelineOptions options;
  options.reader.threads = 1;
  int warnings = 0;
  options.on_warning = [&](const std::string&) { ++warnings; };
  NearestUpscaler upscaler(2);
  const auto report = RunPipeline(dir / "in.mpg", dir / "out.mkv", upscaler, options);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_GE(warnings, static_cast<int>(report->warnings.size()));
  EXPECT_FALSE(report->warnings.empty());
}

}  // namespace
}  // namespace octoscale
