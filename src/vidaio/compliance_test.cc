#include "vidaio/compliance.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "video/test_media.h"

namespace octoscale {
namespace {

using ::testing::HasSubstr;

constexpr char kTags[] = "-colorspace bt709 -color_primaries bt709 -color_trc bt709 ";
constexpr char kX265[] =
    "-c:v libx265 -preset ultrafast -x265-params log-level=none:pools=1 -pix_fmt yuv420p ";

class ComplianceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Ffmpeg(std::string("-f lavfi -i testsrc2=s=64x48:r=30 -frames:v 10 -c:v libx264 -crf 1 "
                       "-preset ultrafast -pix_fmt yuv420p ") +
           kTags + Quote(input_));
  }
  // An upscaled answer by filter and encoder.
  void Answer(const std::string& filter, const std::string& encoder,
              const std::string& name = "answer.mp4") {
    Ffmpeg("-i " + Quote(input_) + " -vf " + Quote(filter) + " " + encoder + " " +
           Quote(dir_ / name));
  }
  VerifyReport Check(const std::string& task, const std::string& name = "answer.mp4") {
    const Result<VidaioTask> found = FindVidaioTask(task);
    EXPECT_TRUE(found.ok());
    const Result<VerifyReport> report = CheckAnswer(*found, input_, dir_ / name);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *report : VerifyReport();
  }

  TempDir dir_;
  const std::string input_ = dir_ / "in.mp4";
};

TEST_F(ComplianceTest, ValidAnswersPass) {
  Answer("scale=128:96:flags=neighbor", std::string(kX265) + kTags);
  for (const char* task : {"SD2HD", "hd24k", "4K28K"}) {
    const VerifyReport report = Check(task);
    EXPECT_TRUE(report.ok()) << report.Failures();
  }
  EXPECT_EQ(Check("SD24K").Failures(), "dimensions");
  Answer("scale=256:192:flags=neighbor", std::string(kX265) + kTags);
  EXPECT_TRUE(Check("SD24K").ok()) << Check("SD24K").Failures();
}

TEST_F(ComplianceTest, Av1MainPasses) {
  Answer("scale=128:96:flags=neighbor",
         std::string("-c:v libaom-av1 -cpu-used 8 -crf 20 -b:v 0 -pix_fmt yuv420p ") + kTags);
  EXPECT_TRUE(Check("SD2HD").ok()) << Check("SD2HD").Failures();
}

TEST_F(ComplianceTest, WrongCodecPixelFormatAndContainer) {
  Answer("scale=128:96:flags=neighbor",
         std::string("-c:v libx264 -crf 30 -pix_fmt yuv444p ") + kTags, "answer.mkv");
  EXPECT_EQ(Check("SD2HD", "answer.mkv").Failures(), "container, codec, profile, pixel_format");
  Answer("scale=128:96:flags=neighbor", std::string(kX265) + kTags, "answer.mov");
  EXPECT_EQ(Check("SD2HD", "answer.mov").Failures(), "container");
}

TEST_F(ComplianceTest, FrameCountAndRate) {
  Answer("scale=128:96:flags=neighbor", std::string(kX265) + kTags + "-frames:v 9");
  EXPECT_EQ(Check("SD2HD").Failures(), "frame_count");
  Answer("setpts=N/29.5/TB,scale=128:96:flags=neighbor", std::string(kX265) + kTags + "-r 29.5");
  EXPECT_EQ(Check("SD2HD").Failures(), "frame_rate");
  Answer("setpts=N/(30000/1001)/TB,scale=128:96:flags=neighbor",
         std::string(kX265) + kTags + "-r 30000/1001");
  EXPECT_TRUE(Check("SD2HD").ok()) << Check("SD2HD").Failures();
}

TEST_F(ComplianceTest, AspectRatioAndTags) {
  Answer("scale=128:96:flags=neighbor,setsar=4/3", std::string(kX265) + kTags);
  EXPECT_EQ(Check("SD2HD").Failures(), "sample_aspect_ratio");
  Answer("scale=128:96:flags=neighbor",
         std::string(kX265) + "-colorspace smpte170m -color_primaries bt709 -color_trc smpte170m");
  EXPECT_THAT(Check("SD2HD").Failures(), HasSubstr("colour_matrix, colour_transfer"));
}

TEST_F(ComplianceTest, SizeLimitDependsOnTheTask) {
  VideoComparison facts;
  facts.input_bytes = 1000;
  facts.output_bytes = 8001;
  EXPECT_THAT(JudgeAnswer(*FindVidaioTask("SD2HD"), facts).Failures(), HasSubstr("file_size"));
  EXPECT_THAT(JudgeAnswer(*FindVidaioTask("SD24K"), facts).Failures(),
              ::testing::Not(HasSubstr("file_size")));
  facts.output_bytes = 20001;
  EXPECT_THAT(JudgeAnswer(*FindVidaioTask("SD24K"), facts).Failures(), HasSubstr("file_size"));
}

TEST_F(ComplianceTest, UnknownTaskListsTheTasks) {
  const Status status = FindVidaioTask("8K").status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("SD2HD, HD24K, SD24K, 4K28K"));
}

}  // namespace
}  // namespace octoscale
