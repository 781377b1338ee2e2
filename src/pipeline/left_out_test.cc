// What an output can't hold is left out by name, never in silence, and never at the price of the
// job.
#include <fstream>

#include "gmock/gmock.h"
#include "pipeline/test_run.h"

namespace octoscale {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

const char kX264[] = " -c:v libx264 -pix_fmt yuv420p ";

void MakeLateSound(const TempDir& dir, const std::string& extension, const std::string& codecs) {
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25:d=12 " + codecs + Quote(dir / ("a" + extension)));
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25:d=1 -f lavfi -i sine=d=1 -output_ts_offset 12 " +
         codecs + "-c:a mp2 " + Quote(dir / ("b" + extension)));
  RunShell("cat " + Quote(dir / ("a" + extension)) + " " + Quote(dir / ("b" + extension)) + " > " +
           Quote(dir / ("in" + extension)));
}

TEST(LeftOutTest, StreamsThatAppearLateAreNamedOnce) {
  TempDir dir;
  MakeLateSound(dir, ".ts", kX264);
  // Behind it so much that nothing of the sound is near the end, where FFmpeg looks for it.
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25:d=4 -output_ts_offset 13 -muxrate 1M" +
         std::string(kX264) + Quote(dir / "c.ts"));
  RunShell("cat " + Quote(dir / "in.ts") + " " + Quote(dir / "c.ts") + " > " +
           Quote(dir / "middle.ts"));
  for (const char* name : {"in.ts", "middle.ts"}) {
    const PipelineReport report = DoubleOk(dir / name, dir / (std::string(name) + ".mkv"));
    EXPECT_GE(report.frames, 325);
    EXPECT_EQ(report.audio_streams, 0);
    const std::string warnings = AllText(report.warnings);
    EXPECT_THAT(warnings, ContainsRegex("audio stream 1 .mp[23]. is left out: it begins")) << name;
    const size_t at = warnings.find("audio stream 1");
    EXPECT_EQ(warnings.find("audio stream 1", at + 1), std::string::npos) << warnings;
  }
}

TEST(LeftOutTest, ProgramStreamsAreSearchedForLateStreams) {
  TempDir dir;
  MakeLateSound(dir, ".mpg", "-c:v mpeg2video ");
  EXPECT_EQ(DoubleOk(dir / "in.mpg", dir / "out.mkv").audio_streams, 1);
}

TEST(LeftOutTest, CoverThatMp4CantHoldIsNamed) {
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=32x32 -frames:v 1 " + Quote(dir / "cover.gif"));
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25:d=0.2" + std::string(kX264) + "-attach " +
         Quote(dir / "cover.gif") + " -metadata:s:t mimetype=image/gif " + Quote(dir / "in.mkv"));
  const PipelineReport report = DoubleOk(dir / "in.mkv", dir / "out.mp4");
  EXPECT_EQ(report.frames, 5);
  EXPECT_EQ(report.attachments, 0);
  EXPECT_THAT(AllText(report.warnings), HasSubstr("cover art stream 1 (gif) is left out"));
  EXPECT_EQ(DoubleOk(dir / "in.mkv", dir / "out.mkv").attachments, 1);
}

TEST(LeftOutTest, CoversGetTheNameOfTheirFormat) {
  TempDir dir;
  for (const auto& [codec, name, type] : {std::tuple("bmp", "cover.bmp", "image/bmp"),
                                          {"png", "cover.png", "image/png"},
                                          {"mjpeg", "cover.jpg", "image/jpeg"}}) {
    const std::string input = dir / (std::string(codec) + ".mp4");
    Ffmpeg(
        "-f lavfi -i testsrc2=s=64x48:r=25:d=0.2 -f lavfi -i testsrc2=s=32x32:r=1:d=1 -map 0 "
        "-map 1 -c:v:0 libx264 -pix_fmt:v:0 yuv420p -c:v:1 " +
        std::string(codec) + " -frames:v:1 1 -disposition:v:1 attached_pic " + Quote(input));
    DoubleOk(input, input + ".mkv");
    const std::string tags = Ffprobe(input + ".mkv", "-show_entries stream_tags=filename,mimetype");
    EXPECT_THAT(tags, HasSubstr("filename=" + std::string(name)));
    EXPECT_THAT(tags, HasSubstr("mimetype=" + std::string(type)));
  }
}

}  // namespace
}  // namespace octoscale
