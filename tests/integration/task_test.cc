// octoscale upscale --task and --deadline, octoscale plan.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/integration/media.h"
#include "tests/integration/program.h"

namespace octoscale::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TaskTest : public ::testing::Test {
 protected:
  void SetUp() override { MakeClip(in_, {.sound = true}); }

  // False, or a failure where models must be there.
  static bool HasModel() {
    if (RunOctoscale({"models", "verify", "realesr-animevideov3"}).exit_code == 0) return true;
    const char* required = std::getenv("OCTOSCALE_REQUIRE_MODELS");
    EXPECT_TRUE(required == nullptr || std::string(required) != "1") << "models are missing";
    return false;
  }
  // With a calibration of this test's own.
  ProgramResult Run(const std::vector<std::string>& arguments) const {
    return RunOctoscale(arguments, {"XDG_CACHE_HOME=" + (folder_ / "cache")});
  }
  ProgramResult Upscale(const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"upscale", in_, "-o", out_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments);
  }
  ProgramResult Plan(const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"plan", in_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments);
  }
  static json LastEvent(const ProgramResult& result) {
    std::istringstream lines(result.out);
    std::string line, last;
    while (std::getline(lines, line)) last = line;
    return json::parse(last, nullptr, false);
  }

  TemporaryFolder folder_;
  const std::string in_ = folder_ / "in.mp4";
  const std::string out_ = folder_ / "out.mp4";
};

TEST_F(TaskTest, AnswersPassTheirOwnVerification) {
  if (!HasModel()) GTEST_SKIP() << "realesr-animevideov3 is not installed";
  const auto check = [&](const std::string& task, const std::vector<std::string>& more) {
    SCOPED_TRACE(task);
    std::vector<std::string> arguments = {"--task", task, "-y", "--progress", "json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult result = Upscale(arguments);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const json done = LastEvent(result);
    EXPECT_EQ(done["event"], "done");
    EXPECT_EQ(done["frames"], 10);
    EXPECT_LE(done["bytes"], done["bytes_max"]);
    const ProgramResult verified = RunOctoscale({"verify", in_, out_, "--task", task});
    EXPECT_EQ(verified.exit_code, 0) << verified.out;
  };
  check("SD2HD", {"--preset", "ultrafast"});
  check("hd24k", {"-c", "hevc", "--crf", "22"});
  check("SD24K", {"-c", "av1", "--preset", "10", "--no-journal"});
  check("4K28K", {"-c", "libx265", "-s", "2", "--preset", "veryfast"});
}

TEST_F(TaskTest, ContradictionsAreWrongUsage) {
  const auto refused = [&](const std::vector<std::string>& more, const std::string& text) {
    const ProgramResult result = Upscale(more);
    EXPECT_EQ(result.exit_code, 2) << text;
    EXPECT_THAT(result.err, HasSubstr(text));
    EXPECT_FALSE(std::filesystem::exists(out_));
  };
  refused({"--task", "SD8K"}, "SD2HD, HD24K, SD24K, 4K28K");
  refused({"--task", "SD2HD", "-s", "4"}, "the task's scale is 2");
  refused({"--task", "SD24K", "-s", "3"}, "the task's scale is 4");
  refused({"--task", "SD2HD", "-c", "libx264"}, "would score zero");
  refused({"--task", "SD2HD", "--pix-fmt", "yuv444p"}, "yuv420p");
  refused({"--task", "SD2HD", "-e", "profile=main10"}, "encoder's options");
  refused({"--task", "SD2HD", "--start", "0.1"}, "whole clip");
  refused({"--task", "SD2HD", "--crf", "60"}, "0 to 51");
  refused({"--deadline", "soon"}, "--deadline");
  refused({"--deadline", "0s"}, "more than 0 s");
  refused({"--late", "run"}, "for --deadline");
  refused({"--recalibrate"}, "for --deadline");
  refused({"--deadline", "40s", "--late", "perhaps"}, "--late");
  const ProgramResult name = Run({"upscale", in_, "-o", folder_ / "out.mkv", "--task", "SD2HD"});
  EXPECT_EQ(name.exit_code, 2);
  EXPECT_THAT(name.err, HasSubstr("ends in .mp4"));
}

// Seen before anything runs, with the task's own codec: no weights are needed.
TEST_F(TaskTest, OutputsThatCannotBe) {
  const auto refused = [&](const std::string& output, const std::vector<std::string>& more,
                           int exit_code, const std::string& text) {
    std::vector<std::string> arguments = {"upscale", in_, "-o", output, "--task", "SD2HD"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult result = Run(arguments);
    EXPECT_EQ(result.exit_code, exit_code) << text;
    EXPECT_THAT(result.err, HasSubstr(text));
  };
  WriteFile(out_, "something");
  refused(out_, {"-c", "av1"}, 1, "exists; use -y to replace it");
  EXPECT_EQ(ReadFile(out_), "something");
  refused(in_, {}, 2, "the output is the input");
  refused(folder_ / "no/such/out.mp4", {}, 1, "no/such");
  refused(folder_ / "out.xyz", {"-c", "av1"}, 2, "out.xyz");
}

TEST_F(TaskTest, PicturesHaveNoTask) {
  const std::string picture = folder_ / "in.png";
  Ffmpeg({"-i", in_, "-frames:v", "1", picture});
  const ProgramResult result =
      Run({"upscale", picture, "-o", folder_ / "out.png", "--task", "SD2HD"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("is a picture"));
}

TEST_F(TaskTest, PlanMeasuresOnceAndKeepsTheCalibration) {
  if (!HasModel()) GTEST_SKIP() << "realesr-animevideov3 is not installed";
  const std::vector<std::string> arguments = {"--task",   "SD2HD",     "--deadline", "100000",
                                              "--preset", "superfast", "--json"};
  const ProgramResult first = Plan(arguments);
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_THAT(first.err, IsEmpty());
  const json plan = json::parse(first.out);
  EXPECT_EQ(plan["task"], "SD2HD");
  EXPECT_EQ(plan["frames"], 10);
  EXPECT_EQ(plan["output_width"], 128);
  EXPECT_EQ(plan["bytes_max"], 8 * std::filesystem::file_size(in_));
  EXPECT_EQ(plan["fits"], true);
  EXPECT_GT(plan["predicted_s"], 0.0);
  EXPECT_EQ(plan["choice"]["model"], "realesr-animevideov3");
  EXPECT_EQ(plan["choice"]["encoder_preset"], "superfast");
  EXPECT_EQ(plan["options"].size(), 1u);
  EXPECT_EQ(plan["calibration"]["measured_now"], true);
  const std::string path = folder_ / "cache/octoscale/calibration.json";
  EXPECT_EQ(plan["calibration"]["path"], path);

  EXPECT_EQ(json::parse(Plan(arguments).out)["calibration"]["measured_now"], false);
  WriteFile(path, "{ damaged");
  EXPECT_EQ(json::parse(Plan(arguments).out)["calibration"]["measured_now"], true);
  EXPECT_TRUE(json::parse(ReadFile(path))["engines"].is_array());
}

TEST_F(TaskTest, ADeadlineThatCannotBeMet) {
  if (!HasModel()) GTEST_SKIP() << "realesr-animevideov3 is not installed";
  const std::vector<std::string> arguments = {"--task",    "SD2HD",      "--preset",
                                              "superfast", "--deadline", "0.01s"};
  const ProgramResult plan = Plan(arguments);
  EXPECT_EQ(plan.exit_code, 1);
  EXPECT_THAT(plan.out, HasSubstr("nothing meets the deadline"));

  const ProgramResult refused = Upscale(arguments);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("nothing meets the deadline of 0.0 s: the fastest, "
                                     "realesr-animevideov3"));
  EXPECT_FALSE(std::filesystem::exists(out_));

  std::vector<std::string> late = arguments;
  late.insert(late.end(), {"--late", "run", "--progress", "json"});
  const ProgramResult ran = Upscale(late);
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("going on all the same"));
  EXPECT_THAT(ran.err, HasSubstr("warning: late: "));
  EXPECT_THAT(ran.out, HasSubstr("\"event\":\"notice\""));
  const json done = LastEvent(ran);
  EXPECT_EQ(done["late"], true);
  EXPECT_GT(done["predicted_s"], 0.0);
  EXPECT_TRUE(done["prediction_error"].is_number());
  EXPECT_EQ(RunOctoscale({"verify", in_, out_, "--task", "SD2HD"}).exit_code, 0);
}

TEST_F(TaskTest, ADeadlineWithoutATaskKeepsTheOptions) {
  if (!HasModel()) GTEST_SKIP() << "realesr-animevideov3 is not installed";
  const ProgramResult result =
      Upscale({"--deadline", "1:00:00", "--preset", "ultrafast", "--frames", "4"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("chosen: realesr-animevideov3"));
  EXPECT_THAT(result.err, HasSubstr("predicted"));
  const Probe probe = ProbeClip(out_);
  EXPECT_EQ(probe.codec, "h264");
  EXPECT_EQ(probe.frames, 4);
  EXPECT_GT(probe.audio_packets, 0);
}

}  // namespace
}  // namespace octoscale::testing
