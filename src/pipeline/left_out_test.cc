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

}  // namespace
}  // namespace octoscale
