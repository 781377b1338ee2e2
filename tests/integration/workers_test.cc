// One video over many worker processes: the same frames whatever happens to the workers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <thread>

#include "tests/integration/media.h"
#include "tests/integration/program.h"
#include "tests/integration/worker_processes.h"

namespace octoscale::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

constexpr int kFrames = 300;
const std::vector<std::string> kSegments = {"--segment-frames", "16"};

// A clip, and the frames that the simulated engine makes of it when nothing goes wrong.
class WorkersTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared_ = new TemporaryFolder;
    MakeClip(Input(),
             {.width = 64,
              .height = 48,
              .frames = kFrames,
              .encoder = {"-c:v", "libx264", "-pix_fmt", "yuv420p", "-preset", "ultrafast"}});
    const std::string output = *shared_ / "reference.mp4";
    const ProgramResult result =
        RunOctoscale({"upscale", Input(), "-o", output, "--preset", "ultrafast", "--spawn-workers",
                      "1", "--simulate-ms-per-frame", "0", "--progress", "none"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    reference_ = new std::string(FrameHashes(output));
  }
  static void TearDownTestSuite() {
    delete reference_;
    delete shared_;
  }

  static std::string Input() { return *shared_ / "in.mp4"; }
  std::string Output() const { return folder_ / "out.mp4"; }

  std::vector<std::string> Command(const std::vector<std::string>& arguments) const {
    std::vector<std::string> all = {"upscale",  Input(),     "-o",         Output(),
                                    "--preset", "ultrafast", "--progress", "json"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return Octoscale(all);
  }
  std::vector<std::string> Spawn(int workers, int ms_per_frame) const {
    return Command({"--spawn-workers", std::to_string(workers), "--simulate-ms-per-frame",
                    std::to_string(ms_per_frame)});
  }

  ProgramResult ExpectReferenceFrames(Program& program) {
    const std::vector<pid_t> children = ChildrenOf(program.pid());
    ProgramResult result = program.Finish();
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_TRUE(WaitGone(children)) << "a worker outlived the command";
    if (result.exit_code == 0) {
      EXPECT_EQ(FrameHashes(Output()), *reference_);
    }
    return result;
  }

  // The frames of a run in kSegments that nothing happened to.
  std::string HashesInSegments() const {
    std::vector<std::string> plain = Spawn(1, 0);
    plain.insert(plain.end(), kSegments.begin(), kSegments.end());
    EXPECT_EQ(RunProgram(plain).exit_code, 0);
    std::string hashes = FrameHashes(Output());
    std::filesystem::remove(Output());
    return hashes;
  }
  void WaitForSegments(int closed) const {
    for (int tries = 0; tries < 20'000 && ClosedSegments() < closed; ++tries) {
      ASSERT_FALSE(std::filesystem::exists(Output())) << "finished before anything was killed";
      std::this_thread::sleep_for(milliseconds(5));
    }
  }

  // Segments that the journal knows of.
  int ClosedSegments() const {
    const std::string path = folder_ / ".out.mp4.octoscale/journal";
    const std::string journal = std::filesystem::exists(path) ? ReadFile(path) : "";
    int segments = 0;
    for (size_t at = 0; (at = journal.find("\"record\":\"segment\"", at)) != std::string::npos;
         ++at) {
      segments += journal.find('\n', at) != std::string::npos ? 1 : 0;
    }
    return segments;
  }

  // The last "workers" event.
  static nlohmann::json WorkersEvent(const std::string& out) {
    nlohmann::json found;
    size_t at = 0;
    while (at < out.size()) {
      const size_t end = out.find('\n', at);
      const auto event = nlohmann::json::parse(out.substr(at, end - at), nullptr, false);
      if (event.is_object() && event["event"] == "workers") found = event["workers"];
      if (end == std::string::npos) break;
      at = end + 1;
    }
    return found;
  }

  static inline TemporaryFolder* shared_ = nullptr;
  static inline std::string* reference_ = nullptr;
  TemporaryFolder folder_;
};

TEST_F(WorkersTest, SixWorkersGiveTheFramesOfOne) {
  Program program(Spawn(6, 5));
  const ProgramResult result = ExpectReferenceFrames(program);
  const nlohmann::json workers = WorkersEvent(result.out);
  ASSERT_EQ(workers.size(), 6u);
  int frames = 0;
  int batches = 0;
  for (const auto& worker : workers) {
    frames += worker["frames"].get<int>();
    batches += worker["batches"].get<int>();
  }
  EXPECT_EQ(frames, kFrames);
  EXPECT_EQ(batches, 38);
  EXPECT_THAT(result.out, HasSubstr("\"share\":"));
}

TEST_F(WorkersTest, TwelveWorkersGiveTheFramesOfOne) {
  Program program(Spawn(12, 5));
  ExpectReferenceFrames(program);
}

TEST_F(WorkersTest, FewerBatchesThanWorkersAreOrdinary) {
  std::vector<std::string> command = Spawn(6, 1);
  command.insert(command.end(), {"--frames", "9"});
  const ProgramResult result = RunProgram(command);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(ProbeClip(Output()).frames, 9);
}

TEST_F(WorkersTest, AWorkerKilledEveryHalfSecondChangesNothing) {
  Program program(Spawn(6, 60));
  ASSERT_TRUE(program.WaitForOutput("progress"));
  std::minstd_rand random(1);
  for (int kill = 0; kill < 5; ++kill) {
    const std::vector<pid_t> workers = ChildrenOf(program.pid());
    if (!workers.empty()) ::kill(workers[random() % workers.size()], SIGKILL);
    std::this_thread::sleep_for(milliseconds(500));
  }
  ExpectReferenceFrames(program);
}

TEST_F(WorkersTest, AStoppedWorkerIsLeftAloneAndEndsWithTheCommand) {
  std::vector<std::string> command = Spawn(6, 20);
  command.insert(command.end(), {"--worker-deadline", "3"});
  Program program(command);
  ASSERT_TRUE(program.WaitForOutput("progress"));
  const std::vector<pid_t> workers = ChildrenOf(program.pid());
  ASSERT_FALSE(workers.empty());
  ::kill(workers[0], SIGSTOP);
  ExpectReferenceFrames(program);
}

TEST_F(WorkersTest, AKilledCommandLeavesNoWorker) {
  Program program(Spawn(6, 200));
  ASSERT_TRUE(program.WaitForOutput("progress"));
  const std::vector<pid_t> workers = ChildrenOf(program.pid());
  EXPECT_EQ(workers.size(), 6u);
  program.Signal(SIGKILL);
  program.Finish();
  EXPECT_TRUE(WaitGone(workers));
}

TEST_F(WorkersTest, AnInterruptedCommandLeavesNoWorker) {
  Program program(Spawn(6, 200));
  ASSERT_TRUE(program.WaitForOutput("progress"));
  const std::vector<pid_t> workers = ChildrenOf(program.pid());
  program.Signal(SIGINT);
  EXPECT_EQ(program.Finish().exit_code, 130);
  EXPECT_TRUE(WaitGone(workers));
  EXPECT_FALSE(std::filesystem::exists(Output()));
}

TEST_F(WorkersTest, ASlowWorkerGetsLess) {
  std::vector<std::unique_ptr<WorkerProcess>> workers;
  for (int i = 0; i < 5; ++i) workers.push_back(std::make_unique<WorkerProcess>(10));
  workers.push_back(std::make_unique<WorkerProcess>(200));
  Program program(Command({"--workers", AddressList(workers)}));
  const ProgramResult result = ExpectReferenceFrames(program);
  const nlohmann::json reports = WorkersEvent(result.out);
  ASSERT_EQ(reports.size(), 6u);
  EXPECT_LT(reports[5]["share"].get<double>(), 1.0 / 6) << reports.dump(1);
}

TEST_F(WorkersTest, AllDeadForSecondsAndBackAgain) {
  std::vector<std::unique_ptr<WorkerProcess>> workers;
  for (int i = 0; i < 3; ++i) workers.push_back(std::make_unique<WorkerProcess>(10));
  Program program(Command({"--workers", AddressList(workers)}));
  ASSERT_TRUE(program.WaitForOutput("progress"));
  for (auto& worker : workers) worker->KillAndWait();
  std::this_thread::sleep_for(milliseconds(2000));
  for (auto& worker : workers) worker = std::make_unique<WorkerProcess>(10, worker->port());
  ExpectReferenceFrames(program);
}

TEST_F(WorkersTest, AWorkerMayJoinLate) {
  std::vector<std::unique_ptr<WorkerProcess>> workers;
  for (int i = 0; i < 2; ++i) workers.push_back(std::make_unique<WorkerProcess>(20));
  const std::string list = AddressList(workers);
  workers[1]->KillAndWait();
  Program program(Command({"--workers", list}));
  ASSERT_TRUE(program.WaitForOutput("progress"));
  workers[1] = std::make_unique<WorkerProcess>(1, workers[1]->port());
  const ProgramResult result = ExpectReferenceFrames(program);
  EXPECT_GT(WorkersEvent(result.out)[1]["frames"].get<int>(), 0);
}

TEST_F(WorkersTest, NobodyForLongerThanTheTimeoutStopsAndCanBeResumed) {
  const std::string expected = HashesInSegments();

  WorkerProcess worker(10);
  std::vector<std::string> command = Command({"--workers", worker.address()});
  command.insert(command.end(), kSegments.begin(), kSegments.end());
  std::vector<std::string> impatient = command;
  impatient.insert(impatient.end(), {"--worker-timeout", "1"});
  Program program(impatient);
  ASSERT_NO_FATAL_FAILURE(WaitForSegments(2));
  worker.KillAndWait();
  const ProgramResult result = program.Finish();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("no worker took work for 1 s"));
  EXPECT_THAT(result.err, HasSubstr(worker.address()));
  EXPECT_FALSE(std::filesystem::exists(Output()));

  const int kept = ClosedSegments() * 16;
  EXPECT_GE(kept, 32);
  const WorkerProcess back(0, worker.port());
  command.push_back("--resume");
  const ProgramResult resumed = RunProgram(command);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_THAT(resumed.out, HasSubstr("\"frames_resumed\":" + std::to_string(kept)));
  EXPECT_EQ(FrameHashes(Output()), expected);
}

TEST_F(WorkersTest, BatchesOfMoreFramesThanARequestMayHaveAreSplit) {
  std::vector<std::string> command = Spawn(2, 1);
  command.insert(command.end(), {"-b", "100"});
  Program program(command);
  const ProgramResult result = ExpectReferenceFrames(program);
  int frames = 0;
  for (const auto& worker : WorkersEvent(result.out)) {
    EXPECT_EQ(worker["retries"].get<int>(), 0);
    frames += worker["frames"].get<int>();
  }
  EXPECT_EQ(frames, kFrames);
}

// Else a worker would end a batch that may still take its time.
TEST_F(WorkersTest, LocalWorkersHaveLongerThanTheDeadline) {
  std::vector<std::string> command = Spawn(1, 200);
  command.insert(command.end(), {"--worker-deadline", "1800"});
  Program program(command);
  ASSERT_TRUE(program.WaitForOutput("progress"));
  const std::vector<pid_t> workers = ChildrenOf(program.pid());
  ASSERT_EQ(workers.size(), 1u);
  std::string words = ReadFile("/proc/" + std::to_string(workers[0]) + "/cmdline");
  std::replace(words.begin(), words.end(), '\0', ' ');
  EXPECT_THAT(words, HasSubstr("--request-timeout 1810"));
  program.Signal(SIGINT);
  EXPECT_EQ(program.Finish().exit_code, 130);
}

// Started, killed twice in the middle, and gone on with: the frames of a run that nothing happened
// to, whoever computes them.
TEST_F(WorkersTest, AKilledCommandGoesOnOverWorkers) {
  const std::string expected = HashesInSegments();

  std::vector<std::unique_ptr<WorkerProcess>> remote;
  for (int i = 0; i < 3; ++i) remote.push_back(std::make_unique<WorkerProcess>(10));
  for (const bool spawn : {true, false}) {
    std::vector<std::string> command =
        spawn ? Spawn(3, 10) : Command({"--workers", AddressList(remote)});
    command.insert(command.end(), kSegments.begin(), kSegments.end());
    command.push_back("--resume");
    for (int kill = 1; kill <= 2; ++kill) {
      Program program(command);
      ASSERT_NO_FATAL_FAILURE(WaitForSegments(3 * kill));
      const std::vector<pid_t> children = ChildrenOf(program.pid());
      EXPECT_EQ(children.size(), spawn ? 3u : 0u);
      program.Signal(SIGKILL);
      program.Finish();
      EXPECT_TRUE(WaitGone(children)) << "a worker outlived the command";
    }
    const int kept = ClosedSegments() * 16;
    const ProgramResult result = RunProgram(command);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("\"frames_resumed\":" + std::to_string(kept)));
    EXPECT_EQ(FrameHashes(Output()), expected);
    EXPECT_THAT(folder_.Names(), ::testing::ElementsAre("out.mp4")) << "nothing else is left";
    std::filesystem::remove(Output());
  }
}

TEST_F(WorkersTest, TheLogTellsWhichWorkerHadWhichBatch) {
  std::vector<std::string> command = Spawn(2, 0);
  command.insert(command.end(), {"--log-file", folder_ / "run.log"});
  Program program(command);
  ExpectReferenceFrames(program);
  const std::string log = ReadFile(folder_ / "run.log");
  EXPECT_THAT(log, HasSubstr("worker 2: joined"));
  const size_t at = log.find("traceparent 00-");
  ASSERT_NE(at, std::string::npos);
  const std::string trace = log.substr(at + 12, 55);
  EXPECT_THAT(log, HasSubstr("traceparent=" + trace)) << "in the worker's own line";
}

TEST_F(WorkersTest, RealWeightsGiveTheFramesOfTheLocalEngine) {
  if (RunOctoscale({"models", "verify"}).exit_code != 0) {
    GTEST_SKIP() << "the models are not installed";
  }
  for (const char* format : {"yuv420p", "yuv420p10le"}) {
    const std::string input = folder_ / "real.mkv";
    MakeClip(input, {.width = 50,
                     .height = 38,
                     .frames = 19,
                     .encoder = {"-c:v", "ffv1", "-pix_fmt", format, "-y"}});
    const std::string local = folder_ / (std::string(format) + "-local.mkv");
    const std::string remote = folder_ / (std::string(format) + "-remote.mkv");
    const ProgramResult one = RunOctoscale({"upscale", input, "-o", local});
    ASSERT_EQ(one.exit_code, 0) << one.err;
    const ProgramResult two =
        RunOctoscale({"upscale", input, "-o", remote, "--spawn-workers", "2"});
    ASSERT_EQ(two.exit_code, 0) << two.err;
    EXPECT_EQ(FrameHashes(local), FrameHashes(remote)) << format;
    EXPECT_THAT(two.err, HasSubstr("retries"));
  }
}

}  // namespace
}  // namespace octoscale::testing
