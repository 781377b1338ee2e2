// What the pipeline writes passes every check of VerifyVideo, whatever the input is like.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "pipeline/test_run.h"
#include "video/verify.h"

namespace octoscale {
namespace {

constexpr char kVideo[] = "-f lavfi -i testsrc2=s=64x48:r=25 ";

struct Kind {
  const char* name;
  std::string arguments;  // of ffmpeg, after the source
  const char* input;
  const char* output;
  const char* codec = "libx264";
};

const std::vector<Kind>& Kinds() {
  static const std::vector<Kind> kinds = {
      {"BFramesAtTheEnd", "-frames:v 37 -c:v libx264 -bf 3 -pix_fmt yuv420p", "in.mp4", "out.mp4"},
      {"VariableRate",
       "-frames:v 9 -vf " + Quote("setpts='N*N/50/TB'") +
           " -fps_mode passthrough -c:v libx264 -pix_fmt yuv420p",
       "in.mkv", "out.mp4"},
      {"StartOffset", "-frames:v 6 -vf setpts=PTS+2/TB -fps_mode passthrough -c:v libx264",
       "in.mkv", "out.mkv"},
      {"NtscToMatroska", "-frames:v 12 -r 30000/1001 -c:v mpeg4", "in.avi", "out.mkv"},
      {"TenBitsHdr",
       "-frames:v 4 -c:v libx265 -x265-params log-level=none -pix_fmt yuv420p10le "
       "-color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc -color_range tv",
       "in.mp4", "out.mp4", "libx265"},
      {"FullRange601", "-frames:v 4 -c:v libx264 -pix_fmt yuvj420p -colorspace smpte170m", "in.mp4",
       "out.mp4"},
      {"OddAspect", "-frames:v 4 -vf setsar=10/11 -c:v libx264 -pix_fmt yuv420p", "in.mp4",
       "out.mp4"},
      {"RgbLossless", "-frames:v 4 -c:v ffv1 -pix_fmt gbrp", "in.mkv", "out.mp4"},
      {"OddSize", "-frames:v 4 -vf scale=63:47 -c:v ffv1 -pix_fmt yuv444p", "in.mkv", "out.mp4"},
      {"Gif", "-frames:v 5 -r 10", "in.gif", "out.mp4"},
  };
  return kinds;
}

class VerifyOutputTest : public ::testing::TestWithParam<Kind> {};

TEST_P(VerifyOutputTest, Passes) {
  const Kind& kind = GetParam();
  TempDir dir;
  const std::string input = dir / kind.input, output = dir / kind.output;
  Ffmpeg(kVideo + kind.arguments + " " + Quote(input));
  DoubleOk(input, output, WithCodec(kind.codec));
  VerifyOptions options;
  options.scale = 2;
  const Result<VerifyReport> report = VerifyVideo(input, output, options);
  ASSERT_TRUE(report.ok()) << report.status().message();
  for (const VerifyCheck& check : report->checks) {
    EXPECT_TRUE(check.ok) << check.name << ": expected " << check.expected << ", found "
                          << check.found;
  }
}

INSTANTIATE_TEST_SUITE_P(Inputs, VerifyOutputTest, ::testing::ValuesIn(Kinds()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(VerifyOutputStreamsTest, SoundSubtitlesChaptersAndFilesPass) {
  TempDir dir;
  std::ofstream(dir / "lines.srt") << "1\n00:00:00,100 --> 00:00:00,400\nA line\n\n";
  std::ofstream(dir / "chapters.txt")
      << ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=400\ntitle=One\n";
  std::ofstream(dir / "font.ttf") << "not really a font";
  Ffmpeg(std::string(kVideo) + "-f lavfi -i sine=d=0.5 -i " + Quote(dir / "lines.srt") + " -i " +
         Quote(dir / "chapters.txt") +
         " -map 0 -map 1 -map 2 -map_metadata 3 -frames:v 12 -c:v libx264 -c:a aac -c:s srt "
         "-metadata:s:a:0 language=ger -metadata:s:s:0 language=fre -attach " +
         Quote(dir / "font.ttf") + " -metadata:s:t mimetype=font/ttf " + Quote(dir / "in.mkv"));
  DoubleOk(dir / "in.mkv", dir / "out.mkv");
  const Result<VerifyReport> same = VerifyVideo(dir / "in.mkv", dir / "out.mkv", {});
  ASSERT_TRUE(same.ok()) << same.status().message();
  EXPECT_EQ(same->Failures(), "");
  // MP4 holds no attachments, and its languages have other codes.
  DoubleOk(dir / "in.mkv", dir / "out.mp4");
  const Result<VerifyReport> other = VerifyVideo(dir / "in.mkv", dir / "out.mp4", {});
  ASSERT_TRUE(other.ok()) << other.status().message();
  EXPECT_EQ(other->Failures(), "attachments");
}

}  // namespace
}  // namespace octoscale
