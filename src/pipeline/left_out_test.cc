// What an output can't hold is left out by name, never in silence, and never at the price of the
// job.
#include <fstream>

#include "gmock/gmock.h"
#include "pipeline/test_run.h"

namespace octoscale {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

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

TEST(LeftOutTest, StreamTagsWithoutPlaceAreNamed) {
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25:d=0.2 -f lavfi -i sine=d=0.2" + std::string(kX264) +
         "-c:a aac -metadata:s:v camera=X1 -metadata:s:a room=Hall -metadata:s:a title=Live "
         "-metadata:s:a language=ger " +
         Quote(dir / "in.mkv"));
  for (const char* name : {"out.mp4", "out.mov"}) {
    const std::string warnings = AllText(DoubleOk(dir / "in.mkv", dir / name).warnings);
    EXPECT_THAT(warnings, HasSubstr("can't hold CAMERA, ROOM")) << name;
    for (const char* kept : {"title", "TITLE", "language", "DURATION", "ENCODER"}) {
      EXPECT_THAT(warnings, Not(HasSubstr(kept))) << name;
    }
    const std::string tags = Ffprobe(dir / name, "-show_entries stream_tags");
    EXPECT_THAT(tags, HasSubstr("language=ger")) << name;
    // FFmpeg writes titles of tracks but does not read them.
    RunShell("grep -q Live " + Quote(dir / name));
  }
  EXPECT_TRUE(DoubleOk(dir / "in.mkv", dir / "out.mkv").warnings.empty());
  EXPECT_THAT(Ffprobe(dir / "out.mkv", "-show_entries stream_tags"), HasSubstr("X1"));
  // Nor does a file that comes from MP4 lose any.
  DoubleOk(dir / "out.mp4", dir / "again.mkv");
  EXPECT_TRUE(DoubleOk(dir / "again.mkv", dir / "again.mp4").warnings.empty());
}

TEST(LeftOutTest, StereoMarksThatTheContainerLacksAreNamed) {
  TempDir dir;
  struct Case {
    const char* mode;
    const char* output;
    const char* warning;  // null: the mark is kept
  };
  const Case cases[] = {{"left_right", "out.mp4", nullptr},
                        {"left_right", "out.mov", "the 3D mark (side by side) is left out"},
                        {"left_right", "out.webm", nullptr},
                        {"row_interleaved_lr", "out.mp4", "the 3D mark (interleaved lines)"},
                        {"row_interleaved_lr", "out.mkv", nullptr},
                        {"row_interleaved_lr", "out.webm", "the 3D mark (interleaved lines)"}};
  for (const Case& c : cases) {
    const std::string input = dir / (std::string(c.mode) + ".mkv");
    Ffmpeg("-f lavfi -i testsrc2=s=32x32:r=25 -frames:v 2" + std::string(kX264) +
           "-metadata:s:v stereo_mode=" + c.mode + " " + Quote(input));
    PipelineOptions options =
        WithCodec(std::string(c.output) == "out.webm" ? "libvpx-vp9" : "libx264");
    options.writer.overwrite = true;
    const std::string warnings = AllText(DoubleOk(input, dir / c.output, options).warnings);
    const std::string streams = RunShell("ffprobe -v error -show_streams " + Quote(dir / c.output));
    if (c.warning == nullptr) {
      EXPECT_THAT(streams, HasSubstr("Stereo 3D")) << c.mode << c.output;
      EXPECT_THAT(warnings, Not(HasSubstr("3D"))) << c.mode << c.output;
    } else {
      EXPECT_THAT(streams, Not(HasSubstr("Stereo 3D"))) << c.mode << c.output;
      EXPECT_THAT(warnings, HasSubstr(c.warning)) << c.mode << c.output;
    }
  }
}

// Text in an old encoding, which no text subtitle of the outputs can hold.
TEST(LeftOutTest, CuesThatCannotBeConvertedAreCounted) {
  TempDir dir;
  std::ofstream(dir / "in.srt") << "1\n00:00:00,040 --> 00:00:00,080\nGr\xfc\xdf\n\n"
                                << "2\n00:00:00,120 --> 00:00:00,160\nFine\n\n";
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25:d=0.2 -i " + Quote(dir / "in.srt") + kX264 +
         "-c:s copy " + Quote(dir / "in.mkv"));
  const PipelineReport report = DoubleOk(dir / "in.mkv", dir / "out.mp4");
  EXPECT_EQ(report.subtitle_streams, 1);
  EXPECT_THAT(AllText(report.warnings),
              HasSubstr("1 cues of subtitle stream 1 could not be converted and are left out"));
  EXPECT_THAT(RunShell("ffmpeg -v error -i " + Quote(dir / "out.mp4") + " -map 0:s -f srt -"),
              HasSubstr("Fine"));
}

}  // namespace
}  // namespace octoscale
