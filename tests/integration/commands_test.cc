// The other commands, help and usage errors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/integration/media.h"
#include "tests/integration/program.h"

namespace octoscale::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

nlohmann::json JsonOf(const ProgramResult& result) {
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out, nullptr, false);
  EXPECT_FALSE(json.is_discarded()) << result.out;
  return json;
}

TEST(CommandsTest, VersionAndHelp) {
  const ProgramResult version = RunOctoscale({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.out, MatchesRegex("octoscale [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"--help"},
                                             {"upscale", "--help"},
                                             {"models", "--help"},
                                             {"models", "install", "--help"},
                                             {"bench", "engine", "--help"},
                                             {"bench", "video", "--help"},
                                             {"devices", "--help"}}) {
    const ProgramResult help = RunOctoscale(command);
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_THAT(help.out, HasSubstr("Usage: octoscale"));
    EXPECT_THAT(help.err, IsEmpty());
  }
  EXPECT_THAT(RunOctoscale({"upscale", "--help"}).out, HasSubstr("octoscale upscale clip.mp4"));
}

TEST(CommandsTest, UsageErrorsTakeOneLine) {
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {},
           {"frobnicate"},
           {"upscale"},
           {"upscale", "a.mp4"},
           {"models"},
           {"models", "eat"},
           {"upscale", "a.mp4", "-o", "b.mp4", "--no-such-option"},
           {"bench", "engine", "extra"}}) {
    const ProgramResult result = RunOctoscale(command);
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.err, MatchesRegex("octoscale: error: [^\n]+--help`\n"));
  }
  EXPECT_THAT(RunOctoscale({"frobnicate"}).err, HasSubstr("frobnicate"));
  EXPECT_THAT(RunOctoscale({"models", "eat"}).err, HasSubstr("eat"));
}

TEST(CommandsTest, DevicesNamesTheCpuAndItsLevels) {
  EXPECT_THAT(RunOctoscale({"devices"}).out, HasSubstr("0: CPU"));
  const auto devices = JsonOf(RunOctoscale({"devices", "--json"}));
  EXPECT_EQ(devices[0]["kind"], "cpu");
  EXPECT_EQ(devices[0]["isas"][0], "scalar");
  EXPECT_GE(devices[0]["cores"], 1);
  EXPECT_EQ(JsonOf(RunOctoscale({"devices", "--json"}, {"OCTOSCALE_CPU=scalar"}))[0]["isa"],
            "scalar");
  EXPECT_EQ(RunOctoscale({"devices"}, {"OCTOSCALE_CPU=nonsense"}).exit_code, 2);
}

TEST(CommandsTest, ModelsListAndPath) {
  const ProgramResult list = RunOctoscale({"models", "list"});
  EXPECT_EQ(list.exit_code, 0);
  for (const char* model : {"realesr-animevideov3", "realesr-general-x4v3",
                            "realesrgan-x4plus-anime", "realesrgan-x4plus"}) {
    EXPECT_THAT(list.out, HasSubstr(model));
  }
  const ProgramResult path =
      RunOctoscale({"models", "path", "--models-dir", "/first"}, {"OCTOSCALE_MODELS=/second"});
  EXPECT_EQ(path.exit_code, 0);
  EXPECT_EQ(path.out.find("/first\n/second\n"), 0u) << path.out;
}

TEST(CommandsTest, ModelsVerifyFindsWhatIsMissing) {
  TemporaryFolder empty;
  const std::vector<std::string> nowhere = {"OCTOSCALE_MODELS=" + empty.path().string(),
                                            "XDG_DATA_HOME=/nonexistent", "HOME=/nonexistent"};
  const ProgramResult result = RunOctoscale({"models", "verify", "realesr-animevideov3"}, nowhere);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("missing"));
  EXPECT_THAT(result.err, HasSubstr("octoscale models install"));
  EXPECT_EQ(RunOctoscale({"models", "verify", "nonsense"}).exit_code, 2);
  EXPECT_EQ(RunOctoscale({"models", "install", "nonsense"}, nowhere).exit_code, 2);
}

TEST(CommandsTest, BenchEngineReportsEveryField) {
  const auto json =
      JsonOf(RunOctoscale({"bench", "engine", "--json", "--width", "12", "--height", "8", "-s", "4",
                           "-b", "2", "--threads", "1", "--seconds", "0", "--precision", "fp32"},
                          {"OCTOSCALE_CPU=scalar"}));
  EXPECT_EQ(json["model"], "realesr-animevideov3");
  EXPECT_EQ(json["scale"], 4);
  EXPECT_EQ(json["width"], 12);
  EXPECT_EQ(json["height"], 8);
  EXPECT_EQ(json["batch"], 2);
  EXPECT_EQ(json["threads"], 1);
  EXPECT_EQ(json["precision"], "fp32");
  EXPECT_EQ(json["isa"], "scalar");
  EXPECT_EQ(json["frames"], 2);
  for (const char* field : {"patch", "seconds", "fps", "effective_gflops", "peak_rss_mb"}) {
    ASSERT_TRUE(json.contains(field)) << field;
    EXPECT_GE(json[field], 0) << field;
  }
}

TEST(CommandsTest, BenchVideoComparesWithTheEngine) {
  TemporaryFolder folder;
  MakeClip(folder / "in.mp4", {.width = 32, .height = 24, .frames = 12});
  const auto json =
      JsonOf(RunOctoscale({"bench", "video", folder / "in.mp4", "--json", "--seconds", "0"}));
  EXPECT_EQ(json["frames"], 12);
  EXPECT_EQ(json["width"], 32);
  EXPECT_GT(json["fps"], 0);
  EXPECT_GT(json["engine_fps"], 0);
  EXPECT_GT(json["ratio"], 0);
  EXPECT_GT(json["attainable_ratio"], 0);
  ASSERT_EQ(json["rss_mb"].size(), 4u);
  EXPECT_GT(json["rss_mb"][3], 1);
  EXPECT_THAT(folder.Names(), ::testing::ElementsAre("in.mp4"));
  EXPECT_EQ(RunOctoscale({"bench", "video", folder / "none.mp4"}).exit_code, 1);
}

}  // namespace
}  // namespace octoscale::testing
