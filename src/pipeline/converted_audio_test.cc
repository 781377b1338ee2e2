// Sound that the output's container can't hold, and that is converted.
#include <cmath>
#include <cstdint>
#include <cstring>

#include "gmock/gmock.h"
#include "pipeline/test_run.h"

namespace octoscale {
namespace {

using ::testing::HasSubstr;

constexpr int kRate = 8000;

std::vector<int16_t> Samples(const std::string& path) {
  const std::string bytes =
      RunShell("ffmpeg -v error -i " + Quote(path) + " -map 0:a -f s16le -ac 1 -ar " +
               std::to_string(kRate) + " -");
  std::vector<int16_t> samples(bytes.size() / sizeof(int16_t));
  std::memcpy(samples.data(), bytes.data(), samples.size() * sizeof(int16_t));
  return samples;
}

// Root mean square of [from, to) seconds.
double Loudness(const std::vector<int16_t>& samples, double from, double to) {
  double sum = 0;
  const auto first = static_cast<size_t>(from * kRate);
  const auto last = static_cast<size_t>(to * kRate);
  for (size_t i = first; i < last; ++i) sum += i < samples.size() ? samples[i] * samples[i] : 0;
  return std::sqrt(sum / static_cast<double>(last - first));
}

// Six seconds of a tone in packets of 1024 samples at 44.1 kHz; an expression of `n` drops some.
void MakeSound(const std::string& path, const std::string& dropped) {
  Ffmpeg(
      "-f lavfi -i testsrc2=s=32x32:r=5:d=6 -f lavfi -i sine=d=6 -c:v libx264 -pix_fmt yuv420p "
      "-c:a pcm_s16le -bsf:a " +
      Quote("noise=drop=" + dropped) + " " + Quote(path));
}

TEST(ConvertedAudioTest, GapStaysAGap) {
  TempDir dir;
  MakeSound(dir / "in.mkv", "gte(n\\,86)*lt(n\\,172)");
  DoubleOk(dir / "in.mkv", dir / "out.mp4");
  DoubleOk(dir / "in.mkv", dir / "out.webm", WithCodec("libvpx-vp9"));
  for (const char* name : {"out.mp4", "out.webm"}) {
    const std::vector<int16_t> samples = Samples(dir / name);
    EXPECT_NEAR(static_cast<double>(samples.size()) / kRate, 6, 0.06) << name;
    EXPECT_GT(Loudness(samples, 0.1, 1.9), 1000) << name;
    EXPECT_LT(Loudness(samples, 2.1, 3.9), 10) << name;
    EXPECT_GT(Loudness(samples, 4.1, 5.9), 1000) << name;
  }
}

TEST(ConvertedAudioTest, LostPacketsDoNotAddUp) {
  TempDir dir;
  // Every tenth packet of the first three seconds: 0.3 s in all.
  MakeSound(dir / "in.mkv", "lt(n\\,130)*eq(mod(n\\,10)\\,5)");
  DoubleOk(dir / "in.mkv", dir / "out.mp4");
  EXPECT_NEAR(static_cast<double>(Samples(dir / "out.mp4").size()) / kRate, 6, 0.06);
}

TEST(ConvertedAudioTest, LayoutsThatTheEncoderLacksAreConverted) {
  TempDir dir;
  for (const auto& [layout, codec] :
       {std::pair("5.1(side)", "ac3"), {"2.1", "pcm_s16le"}, {"4.0", "flac"}, {"6.1", "flac"}}) {
    const std::string name = std::string(layout) + ".mkv";
    Ffmpeg("-f lavfi -i testsrc2=s=32x32:r=5:d=1 -f lavfi -i sine=d=1 -af " +
           Quote("aformat=channel_layouts=" + std::string(layout)) +
           " -c:v libx264 -pix_fmt yuv420p -c:a " + codec + " " + Quote(dir / name));
    const PipelineReport report =
        DoubleOk(dir / name, dir / (name + ".webm"), WithCodec("libvpx-vp9"));
    EXPECT_EQ(report.audio_streams, 1) << layout << AllText(report.warnings);
    EXPECT_THAT(Ffprobe(dir / (name + ".webm"), "-select_streams a -show_entries stream=channels"),
                HasSubstr("channels=" + Ffprobe(dir / name,
                                                "-select_streams a -show_entries "
                                                "stream=channels")
                                            .substr(9)))
        << layout;
    EXPECT_GT(Loudness(Samples(dir / (name + ".webm")), 0.1, 0.9), 300) << layout;
  }
}

}  // namespace
}  // namespace octoscale
