// What users ask of encoders, and what comes of it.
#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/test_run.h"

namespace octoscale {
namespace {

using ::testing::HasSubstr;

class EncoderOptionsTest : public ::testing::Test {
 protected:
  EncoderOptionsTest() {
    Ffmpeg("-f lavfi -i testsrc2=s=96x64:r=25 -frames:v 12 -vf noise=alls=20:allf=t -c:v ffv1 " +
           std::string("-pix_fmt yuv420p ") + Quote(input_));
  }

  // The average PSNR of the output's pictures, in dB.
  double Psnr(const std::string& output) const {
    const std::string line = RunShell(
        "ffmpeg -v error -i " + Quote(input_) + " -i " + Quote(output) +
        " -filter_complex '[0]scale=192:128:flags=neighbor,format=yuv420p[a];[1]format=yuv420p[b];"
        "[a][b]psnr=f=-' -f null - | awk '{for (i = 1; i <= NF; ++i) if ($i ~ /^mse_avg:/) "
        "{sum += substr($i, 9); ++n}} END {print 10 * log(255 * 255 * n / sum) / log(10)}'");
    return std::stod(line);
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

TEST_F(EncoderOptionsTest, BitRateOfMpegVideoEncodersCounts) {
  PipelineOptions options = WithCodec("mpeg4");
  options.writer.encoder.bit_rate = 300'000;
  DoubleOk(input_, dir_ / "low.mkv", options);
  options.writer.encoder.bit_rate = 3'000'000;
  DoubleOk(input_, dir_ / "high.mkv", options);
  EXPECT_LT(2 * Bytes(dir_ / "low.mkv"), Bytes(dir_ / "high.mkv"));
}

}  // namespace
}  // namespace octoscale
