// octoscale verify: table, JSON, exit codes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/integration/media.h"
#include "tests/integration/program.h"

namespace octoscale::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class VerifyCommandTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MakeClip(in_, {.frames = 6});
    Ffmpeg({"-i", in_, "-vf", "scale=128:96:flags=neighbor", "-c:v", "libx265", "-x265-params",
            "log-level=none", "-pix_fmt", "yuv420p", "-crf", "12", out_});
  }
  TemporaryFolder folder_;
  const std::string in_ = folder_ / "in.mp4";
  const std::string out_ = folder_ / "out.mp4";
};

TEST_F(VerifyCommandTest, TableOfAGoodOutput) {
  const ProgramResult result = RunOctoscale({"verify", in_, out_});
  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_THAT(result.err, IsEmpty());
  EXPECT_THAT(result.out, ContainsRegex("\nok    frame_count +6 +6\n"));
  EXPECT_THAT(result.out, ContainsRegex("all [0-9]+ checks passed\n$"));
}

TEST_F(VerifyCommandTest, FailuresAreNamed) {
  const ProgramResult result =
      RunOctoscale({"verify", in_, out_, "-s", "4", "--codec", "h264", "--profile", "Main"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, ContainsRegex("\nFAIL  dimensions +256x192 +128x96\n"));
  EXPECT_THAT(result.out, ContainsRegex("2 of [0-9]+ checks failed: dimensions, codec\n$"));
  EXPECT_EQ(RunOctoscale({"verify", in_, out_, "-s", "4", "--ignore", "dimensions"}).exit_code, 0);
}

TEST_F(VerifyCommandTest, Json) {
  const auto good = RunOctoscale({"verify", in_, out_, "--json"});
  EXPECT_EQ(good.exit_code, 0);
  const auto json = nlohmann::json::parse(good.out);
  EXPECT_EQ(json["ok"], true);
  ASSERT_GT(json["checks"].size(), 20u);
  for (const auto& check : json["checks"]) {
    EXPECT_TRUE(check["name"].is_string());
    EXPECT_EQ(check["ok"], true) << check;
    EXPECT_TRUE(check["expected"].is_string());
    EXPECT_TRUE(check["found"].is_string());
    EXPECT_EQ(check.size(), 4u);
  }
  WriteFile(out_, "not a video");
  const auto bad = RunOctoscale({"verify", in_, out_, "--json"});
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_EQ(nlohmann::json::parse(bad.out)["ok"], false);
  EXPECT_EQ(nlohmann::json::parse(bad.out)["checks"][0]["name"], "readable");
}

TEST_F(VerifyCommandTest, Tasks) {
  EXPECT_EQ(RunOctoscale({"verify", in_, out_, "--task", "SD2HD"}).exit_code, 0);
  const ProgramResult other = RunOctoscale({"verify", in_, out_, "--task", "SD24K"});
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_THAT(other.out, HasSubstr("checks failed: dimensions\n"));
  const ProgramResult unknown = RunOctoscale({"verify", in_, out_, "--task", "HD2SD"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("SD2HD, HD24K, SD24K, 4K28K"));
}

TEST_F(VerifyCommandTest, WrongUsageAndUnreadableInput) {
  EXPECT_EQ(RunOctoscale({"verify", in_}).exit_code, 2);
  EXPECT_EQ(RunOctoscale({"verify", in_, out_, "-s", "5"}).exit_code, 2);
  EXPECT_EQ(RunOctoscale({"verify", in_, out_, "-s", "2", "--task", "SD2HD"}).exit_code, 2);
  EXPECT_EQ(RunOctoscale({"verify", in_, out_, "--ignore", "nonsense"}).exit_code, 2);
  const ProgramResult missing = RunOctoscale({"verify", folder_ / "none.mp4", out_});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err, HasSubstr("none.mp4"));
}

}  // namespace
}  // namespace octoscale::testing
