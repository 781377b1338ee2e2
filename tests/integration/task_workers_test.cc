// Tasks and deadlines over worker processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/integration/media.h"
#include "tests/integration/program.h"
#include "tests/integration/worker_processes.h"

namespace octoscale::testing {
namespace {

using nlohmann::json;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

constexpr int kFrames = 60;

class TaskWorkersTest : public ::testing::Test {
 protected:
  void SetUp() override { MakeClip(in_, {.frames = kFrames}); }

  // Two workers of the simulated engine; a calibration of this test's own.
  ProgramResult Upscale(int ms_per_frame, const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"upscale", in_, "-o", out_, "--preset", "superfast"};
    arguments.insert(arguments.end(), {"--spawn-workers", "2", "--simulate-ms-per-frame",
                                       std::to_string(ms_per_frame)});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunOctoscale(arguments, {"XDG_CACHE_HOME=" + (folder_ / "cache")});
  }
  // The only event of this name.
  static json Event(const ProgramResult& result, const std::string& name) {
    json found;
    std::istringstream lines(result.out);
    for (std::string line; std::getline(lines, line);) {
      json event = json::parse(line, nullptr, false);
      if (!event.is_object() || event["event"] != name) continue;
      EXPECT_TRUE(found.is_null()) << "two events " << name;
      found = std::move(event);
    }
    return found;
  }

  TemporaryFolder folder_;
  const std::string in_ = folder_ / "in.mp4";
  const std::string out_ = folder_ / "out.mp4";
};

TEST_F(TaskWorkersTest, TheTableAtTheEndCountsTheFramesOfTheTask) {
  const ProgramResult result = Upscale(0, {"--task", "SD2HD", "--progress", "json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json workers = Event(result, "workers")["workers"];
  ASSERT_EQ(workers.size(), 2u) << result.out;
  EXPECT_EQ(workers[0]["name"], "worker 1");
  EXPECT_EQ(workers[1]["name"], "worker 2");
  int frames = 0;
  for (const json& worker : workers) {
    EXPECT_EQ(worker["state"], "up");
    frames += worker["frames"].get<int>();
  }
  EXPECT_EQ(frames, kFrames);
  EXPECT_EQ(Event(result, "done")["frames"], kFrames);

  const ProgramResult text = Upscale(0, {"--task", "SD2HD", "-y"});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.err, ContainsRegex("worker 1 +[0-9]+ +[0-9]+ +[0-9.]+%"));
}

TEST_F(TaskWorkersTest, TheVideosOfOneCommandShareTheWorkers) {
  const std::string second = folder_ / "second.mp4";
  MakeClip(second, {.frames = 20});
  const ProgramResult result = RunOctoscale(
      {"upscale", in_, second, "-o", folder_ / "out", "--preset", "superfast", "--task", "SD2HD",
       "--spawn-workers", "2", "--simulate-ms-per-frame", "0", "--progress", "json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json workers = Event(result, "workers")["workers"];
  int frames = 0;
  for (const json& worker : workers) frames += worker["frames"].get<int>();
  EXPECT_EQ(frames, kFrames + 20);
}

TEST_F(TaskWorkersTest, ADeadlineIsMet) {
  const ProgramResult result =
      Upscale(5, {"--task", "SD2HD", "--deadline", "200s", "--progress", "json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, ContainsRegex("chosen: [^ ]+ on workers, libx265 superfast; about"));
  const json done = Event(result, "done");
  EXPECT_EQ(done["frames"], kFrames);
  EXPECT_EQ(done["late"], false);
  EXPECT_EQ(done["deadline_s"], 200);
  EXPECT_GT(done["predicted_s"], 0.0);
  EXPECT_TRUE(done["prediction_error"].is_number());
  EXPECT_FALSE(Event(result, "workers").is_null());
  EXPECT_EQ(RunOctoscale({"verify", in_, out_, "--task", "SD2HD"}).exit_code, 0);
}

// 60 frames of 2 s on two workers; one frame for each of the six slots takes 6 s.
TEST_F(TaskWorkersTest, ADeadlineThatTheWorkersCannotMeet) {
  const ProgramResult result = Upscale(2000, {"--task", "SD2HD", "--deadline", "30s"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("nothing meets the deadline of 30 s: the fastest, "));
  EXPECT_FALSE(std::filesystem::exists(out_));
  const std::string takes = " takes about ";
  const size_t at = result.err.find(takes);
  ASSERT_NE(at, std::string::npos) << result.err;
  EXPECT_GE(std::stod(result.err.substr(at + takes.size())), 60.0);
}

TEST_F(TaskWorkersTest, PlanMeasuresWorkersWithoutWeights) {
  const WorkerProcess worker(1);
  const ProgramResult result =
      RunOctoscale({"plan", in_, "--task", "SD2HD", "--preset", "superfast", "--deadline", "3600",
                    "--json", "--workers", worker.address()},
                   {"XDG_CACHE_HOME=" + (folder_ / "cache")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json plan = json::parse(result.out);
  EXPECT_EQ(plan["fits"], true);
  EXPECT_GT(plan["predicted_s"], 0.0);
  EXPECT_EQ(plan["options"].size(), 1u);
}

}  // namespace
}  // namespace octoscale::testing
