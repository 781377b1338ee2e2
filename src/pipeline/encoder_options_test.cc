// What users ask of encoders, and what comes of it.
#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/test_run.h"

namespace octoscale {
namespace {

using ::testing::HasSubstr;

bool HasEncoder(const std::string& name) {
  return RunShell("ffmpeg -hide_banner -v error -encoders").find(" " + name + " ") !=
         std::string::npos;
}

class EncoderOptionsTest : public ::testing::Test {
 protected:
  EncoderOptionsTest() {
    Ffmpeg("-f lavfi -i testsrc2=s=96x64:r=25 -frames:v 12 -vf noise=alls=20:allf=t -c:v ffv1 " +
           std::string("-pix_fmt yuv420p ") + Quote(input_));
  }

  // The PSNR of the output's pictures, in dB; the reference is encoded without loss.
  double Psnr(const std::string& output) const {
    const std::string exact = dir_ / "exact.mkv";
    PipelineOptions options = WithCodec("ffv1");
    options.writer.overwrite = true;
    DoubleOk(input_, exact, options);
    return std::stod(RunShell(
        "ffmpeg -v error -i " + Quote(exact) + " -i " + Quote(output) +
        " -filter_complex '[1]format=yuv420p[b];[0][b]psnr=f=-' -f null - | awk '{for (i = 1; i <= "
        "NF; ++i) if ($i ~ /^mse_avg:/) {sum += substr($i, 9); ++n}} END {print 10 * log(255 * 255 "
        "* n / sum) / log(10)}'"));
  }
  int64_t Bytes(const std::string& output) const {
    return static_cast<int64_t>(std::filesystem::file_size(output));
  }

  TempDir dir_;
  std::string input_ = dir_ / "in.mkv";
};

// They have no CRF, and their own default is a bit rate for small pictures.
TEST_F(EncoderOptionsTest, MpegVideoEncodersMakeGoodPictures) {
  for (const char* codec : {"mpeg4", "mpeg2video", "mjpeg"}) {
    const std::string output = dir_ / (std::string(codec) + ".mkv");
    DoubleOk(input_, output, WithCodec(codec));
    EXPECT_GT(Psnr(output), 38) << codec;
  }
}

TEST_F(EncoderOptionsTest, CrfIsTheQuantizerOfMpegVideoEncoders) {
  for (const char* codec : {"mpeg4", "mpeg2video", "mjpeg"}) {
    int64_t last = INT64_MAX;
    for (const double crf : {1.0, 2.5, 10.0, 31.0}) {
      PipelineOptions options = WithCodec(codec);
      options.writer.encoder.crf = crf;
      const std::string output = dir_ / (std::string(codec) + std::to_string(crf) + ".mkv");
      DoubleOk(input_, output, options);
      EXPECT_LT(Bytes(output), last) << codec << " " << crf;
      last = Bytes(output);
    }
  }
  PipelineOptions options = WithCodec("mpeg4");
  options.writer.encoder.crf = 40;
  const Result<PipelineReport> refused = Double(input_, dir_ / "out.mkv", options);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(refused.status().message(), HasSubstr("from 1 to 31, not 40"));
}

// They count in ticks of the source's clock, of which MPEG knows few.
TEST_F(EncoderOptionsTest, MpegVideoEncodersKeepTimesAndBitRatesOfAnyClock) {
  Ffmpeg("-f lavfi -i testsrc2=s=96x64:r=25 -frames:v 50 -vf " +
         Quote("noise=alls=40:allf=t,setpts=if(gte(N\\,20)\\,N+10\\,N)/25/TB") +
         " -fps_mode passthrough -enc_time_base 1/90000 -c:v libx264 -qp 0 " +
         Quote(dir_ / "in.ts"));
  const std::vector<double> times = FrameTimes(dir_ / "in.ts");
  for (const char* codec : {"mpeg4", "mpeg2video", "mjpeg"}) {
    for (const int b_frames : {0, 2}) {
      if (b_frames > 0 && std::string(codec) == "mjpeg") continue;
      PipelineOptions options = WithCodec(codec);
      options.writer.encoder.bit_rate = 1'000'000;
      options.writer.encoder.max_b_frames = b_frames;
      options.writer.overwrite = true;
      const std::string output = dir_ / "out.mkv";
      DoubleOk(dir_ / "in.ts", output, options);
      const std::vector<double> out = FrameTimes(output);
      ASSERT_EQ(out.size(), times.size()) << codec << b_frames;
      for (size_t i = 0; i < out.size(); ++i) {
        EXPECT_NEAR(out[i] - out[0], times[i] - times[0], 0.0011) << codec << b_frames << " " << i;
      }
      // Two seconds of pictures.
      const double bits_per_second = 8.0 * static_cast<double>(Bytes(output)) / 2;
      EXPECT_GT(bits_per_second, 500'000) << codec << b_frames;
      EXPECT_LT(bits_per_second, 4'000'000) << codec << b_frames;
    }
  }
}

TEST_F(EncoderOptionsTest, BitRateAsAnEncoderOptionIsABitRate) {
  for (const char* codec : {"libx264", "libx265", "mpeg4", "libvpx-vp9"}) {
    PipelineOptions options = WithCodec(codec);
    int64_t bytes[2];
    for (const auto& [i, rate] : {std::pair(0, "200k"), {1, "4M"}}) {
      options.writer.encoder.extra = {{"b", rate}};
      const std::string output = dir_ / (std::string(codec) + rate + ".mkv");
      EXPECT_EQ(AllText(DoubleOk(input_, output, options).warnings), "") << codec;
      bytes[i] = Bytes(output);
    }
    EXPECT_LT(2 * bytes[0], bytes[1]) << codec;
  }
}

TEST_F(EncoderOptionsTest, CommonOptionsReachEveryEncoder) {
  for (const char* codec : {"libx264", "mpeg4", "ffv1"}) {
    PipelineOptions options = WithCodec(codec);
    options.writer.encoder.extra = {{"g", "3"}, {"qmax", "30"}};
    const std::string output = dir_ / (std::string(codec) + ".mkv");
    EXPECT_EQ(AllText(DoubleOk(input_, output, options).warnings), "") << codec;
    const std::vector<std::string> keys = FrameEntries(output, "key_frame");
    ASSERT_EQ(keys.size(), 12u);
    for (size_t i = 0; i < keys.size(); i += 3) EXPECT_EQ(keys[i], "1") << codec << " " << i;
  }
  PipelineOptions options;
  options.writer.encoder.extra = {{"maxrate", "fast"}};
  const Result<PipelineReport> refused = Double(input_, dir_ / "out.mkv", options);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(refused.status().message(), HasSubstr("maxrate=fast"));
}

TEST_F(EncoderOptionsTest, QscaleIsTheQuantizerOfMpegVideoEncoders) {
  PipelineOptions crf = WithCodec("mpeg4");
  crf.writer.encoder.crf = 9.5;
  DoubleOk(input_, dir_ / "crf.mkv", crf);
  PipelineOptions qscale = WithCodec("mpeg4");
  qscale.writer.encoder.extra = {{"qscale", "9.5"}};
  DoubleOk(input_, dir_ / "qscale.mkv", qscale);
  EXPECT_EQ(FrameHashes(dir_ / "crf.mkv", "yuv420p"), FrameHashes(dir_ / "qscale.mkv", "yuv420p"));
  for (const char* bad : {"0", "32", "good", ""}) {
    qscale.writer.encoder.extra = {{"qscale", bad}};
    EXPECT_EQ(Double(input_, dir_ / "bad.mkv", qscale).status().code(),
              StatusCode::kInvalidArgument)
        << bad;
  }
}

// What an encoder doesn't have changes nothing: not even its default quality.
TEST_F(EncoderOptionsTest, OptionsThatAreNotTheEncodersAreNamedAndChangeNothing) {
  PipelineOptions options;
  options.writer.encoder.threads = 1;
  // x264 (164) with macroblock trees does not give the same pictures in every run.
  options.writer.encoder.extra = {{"mbtree", "0"}};
  DoubleOk(input_, dir_ / "plain.mkv", options);
  for (const char* key : {"qscale", "cq", "lossless", "width", "pix_fmt", "time_base", "flags"}) {
    options.writer.encoder.extra = {{"mbtree", "0"}, {key, "2"}};
    const std::string output = dir_ / (std::string(key) + ".mkv");
    EXPECT_THAT(AllText(DoubleOk(input_, output, options).warnings),
                HasSubstr("'" + std::string(key) + "' is unknown"));
    EXPECT_EQ(FrameHashes(output, "yuv420p"), FrameHashes(dir_ / "plain.mkv", "yuv420p")) << key;
  }
}

TEST_F(EncoderOptionsTest, ARunThatCannotBeResumedSaysSo) {
  PipelineOptions options;
  options.journal.mode = JournalMode::kStart;
  options.journal.program = "test 1";
  EXPECT_EQ(AllText(DoubleOk(input_, dir_ / "resumable.mkv", options).warnings), "");
  for (const char* key : {"b", "maxrate", "bufsize"}) {
    options.writer.encoder.extra = {{key, "8M"}};
    std::string told;
    options.on_warning = [&](const std::string& text) { told += text + "\n"; };
    const PipelineReport report = DoubleOk(input_, dir_ / (std::string(key) + ".mkv"), options);
    EXPECT_THAT(told, HasSubstr("can't be resumed: '" + std::string(key) + "' is planned"));
    EXPECT_EQ(told, AllText(report.warnings));
  }
}

TEST_F(EncoderOptionsTest, AnEncoderWithoutItsDeviceIsRefusedBeforeAnythingIsWritten) {
  const std::vector<std::string> before = dir_.Names();
  for (const char* codec : {"h264_vaapi", "hevc_vaapi", "vp9_vaapi"}) {
    if (!HasEncoder(codec)) continue;
    PipelineOptions options = WithCodec(codec);
    options.writer.encoder.extra = {{"device", "/dev/dri/missing"}};
    const Result<PipelineReport> report = Double(input_, dir_ / "out.mkv", options);
    ASSERT_FALSE(report.ok()) << codec;
    EXPECT_EQ(report.status().code(), StatusCode::kInvalidArgument) << codec;
    EXPECT_THAT(report.status().message(), HasSubstr(codec));
    EXPECT_THAT(report.status().message(), HasSubstr("/dev/dri/missing can't be opened"));
    EXPECT_THAT(report.status().message(), HasSubstr("-e device=PATH"));
    EXPECT_THAT(report.status().message(), HasSubstr("for .mkv there are: lib"));
    EXPECT_EQ(dir_.Names(), before);
  }
}

}  // namespace
}  // namespace octoscale
