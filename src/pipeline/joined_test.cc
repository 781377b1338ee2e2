// Recordings whose clock starts anew: pictures, sound and subtitles move together.
#include <sstream>

#include "gmock/gmock.h"
#include "pipeline/test_run.h"

namespace octoscale {
namespace {

using ::testing::HasSubstr;

// Presentation times of a stream's packets, in seconds.
std::vector<double> PacketTimes(const std::string& path, const std::string& streams) {
  std::istringstream lines(
      Ffprobe(path, "-select_streams " + streams + " -show_entries packet=pts_time"));
  std::vector<double> times;
  std::string line;
  while (std::getline(lines, line)) {
    const size_t at = line.find('=');
    if (at != std::string::npos) times.push_back(std::stod(line.substr(at + 1)));
  }
  return times;
}

void Twice(const TempDir& dir, const std::string& part, const std::string& whole) {
  RunShell("cat " + Quote(dir / part) + " " + Quote(dir / part) + " > " + Quote(dir / whole));
}

// What lies between picture and sound at the beginning of each part, and between two packets.
void ExpectSync(const std::string& part, const std::string& output, int pictures) {
  const std::vector<double> part_sound = PacketTimes(part, "a:0");
  const double expected = FrameTimes(part).front() - part_sound.front();
  const std::vector<double> sound = PacketTimes(output, "a:0");
  const std::vector<double> shown = FrameTimes(output);
  ASSERT_EQ(shown.size(), static_cast<size_t>(2 * pictures));
  ASSERT_EQ(sound.size(), 2 * part_sound.size());
  EXPECT_NEAR(shown[0] - sound[0], expected, 0.002);
  EXPECT_NEAR(shown[pictures] - sound[part_sound.size()], expected, 0.002);
  const double step = part_sound[1] - part_sound[0];
  for (size_t i = 1; i < sound.size(); ++i) {
    EXPECT_GT(sound[i] - sound[i - 1], step - 0.002) << i;
  }
  for (size_t i = 1; i < shown.size(); ++i) EXPECT_GT(shown[i] - shown[i - 1], 0.039) << i;
}

TEST(JoinedTest, PartsWithSoundLongerOrShorterThanThePictureStayInSync) {
  TempDir dir;
  struct Case {
    const char* name;
    const char* video;
    const char* audio;
    int pictures;
    double seconds;  // of a part
  };
  const Case cases[] = {{"long.ts", "-c:v libx264 -bf 2", "2.4", 50, 2.4},
                        {"short.ts", "-c:v libx264 -bf 2", "1.6", 50, 2.0},
                        {"long.mpg", "-c:v mpeg2video -bf 2", "2.4", 50, 2.4},
                        {"short.mpg", "-c:v mpeg2video", "1.2", 50, 2.0}};
  for (const Case& c : cases) {
    Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25:d=2 -f lavfi -i sine=d=" + std::string(c.audio) +
           " " + c.video + " -pix_fmt yuv420p -c:a mp2 " + Quote(dir / c.name));
    Twice(dir, c.name, std::string("in-") + c.name);
    const bool transport = std::string(c.name).ends_with(".ts");
    const std::string output = dir / (std::string(c.name) + (transport ? ".mp4" : ".mkv"));
    const PipelineReport report = DoubleOk(dir / (std::string("in-") + c.name), output);
    EXPECT_THAT(AllText(report.warnings), HasSubstr("starts anew 1 times")) << c.name;
    SCOPED_TRACE(output);
    ExpectSync(dir / c.name, output, c.pictures);
    const std::vector<double> shown = FrameTimes(output);
    EXPECT_NEAR(shown[c.pictures] - shown[0], c.seconds, 0.1);
  }
}

// Sound that is not copied still counts for the place of the second part, and subtitles alone are
// joined like the rest.
TEST(JoinedTest, SubtitlesFollowThePictures) {
  TempDir dir;
  // Blu-ray subtitles at 0.5 and 1.5 s: an end of a display set each.
  std::string segments;
  for (const int ticks : {45'000, 135'000}) {
    segments += std::string("PG\0", 3) + static_cast<char>(ticks >> 16) +
                static_cast<char>(ticks >> 8) + static_cast<char>(ticks) +
                std::string("\0\0\0\0\x80\0\0", 7);
  }
  RunShell("printf '" +
           [&segments] {
             std::string octal;
             for (const unsigned char byte : segments) {
               char text[8];
               std::snprintf(text, sizeof(text), "\\%03o", byte);
               octal += text;
             }
             return octal;
           }() +
           "' > " + Quote(dir / "in.sup"));
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25:d=2 -f lavfi -i sine=d=2.4 -f sup -i " +
         Quote(dir / "in.sup") +
         " -map 0 -map 1 -map 2 -c:v libx264 -pix_fmt yuv420p -c:a ac3 -c:s copy "
         "-mpegts_m2ts_mode 1 " +
         Quote(dir / "part.m2ts"));
  Twice(dir, "part.m2ts", "in.m2ts");
  const std::vector<double> part = PacketTimes(dir / "part.m2ts", "s:0");
  ASSERT_EQ(part.size(), 2u);
  const double first_picture = FrameTimes(dir / "part.m2ts").front();
  PipelineOptions options;
  options.writer.copy_audio = false;
  DoubleOk(dir / "in.m2ts", dir / "out.mkv", options);
  const std::vector<double> shown = FrameTimes(dir / "out.mkv");
  const std::vector<double> cues = PacketTimes(dir / "out.mkv", "s:0");
  ASSERT_EQ(shown.size(), 100u);
  ASSERT_EQ(cues.size(), 4u);
  for (size_t i = 0; i < cues.size(); ++i) {
    EXPECT_NEAR(cues[i] - shown[i / 2 * 50], part[i % 2] - first_picture, 0.002) << i;
  }
}

}  // namespace
}  // namespace octoscale
