// The command is killed, interrupted or runs out of disk, and is gone on with: the output has the
// frames, times and sound of a run that nothing happened to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "tests/integration/media.h"
#include "tests/integration/program.h"

namespace octoscale::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

constexpr int kSegmentFrames = 8;

// More rounds in `make test-faults`.
int Rounds(int standard) {
  const char* rounds = std::getenv("OCTOSCALE_FAULT_ROUNDS");
  return rounds != nullptr ? std::max(1, std::atoi(rounds)) : standard;
}

class ResumeProgramTest : public ::testing::Test {
 protected:
  void MakeInput(int frames) {
    frames_ = frames;
    MakeClip(folder_ / "in.mp4", {.width = 48,
                                  .height = 32,
                                  .frames = frames,
                                  .encoder = {"-c:v", "libx264", "-preset", "ultrafast", "-bf", "2",
                                              "-pix_fmt", "yuv420p"},
                                  .sound = true});
  }

  std::vector<std::string> Command(const std::vector<std::string>& more = {},
                                   const std::string& output = "out.mkv") const {
    std::vector<std::string> arguments = {"upscale",
                                          folder_ / "in.mp4",
                                          "-o",
                                          folder_ / output,
                                          "-c",
                                          codec_,
                                          "--segment-frames",
                                          std::to_string(kSegmentFrames),
                                          "--progress",
                                          "json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Octoscale(arguments);
  }

  // Every decoded picture and copied packet with its time.
  static std::string Content(const std::string& path) {
    const ProgramResult result =
        RunProgram({"ffmpeg", "-v", "error", "-nostdin", "-i", path, "-map", "0:v", "-map", "0:a",
                    "-c:a", "copy", "-f", "framemd5", "-"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out;
  }

  // What an uninterrupted run writes.
  std::string Expected() const {
    const ProgramResult result = RunProgram(Command({}, "expected.mkv"));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    const std::string content = Content(folder_ / "expected.mkv");
    fs::remove(folder_ / "expected.mkv");
    return content;
  }

  // Frames in closed segments that the journal knows of.
  int ClosedFrames() const {
    const std::string journal = ReadFile(folder_ / ".out.mkv.octoscale/journal");
    int segments = 0;
    for (size_t at = 0; (at = journal.find("\"record\":\"segment\"", at)) != std::string::npos;
         ++at) {
      segments += journal.find('\n', at) != std::string::npos;
    }
    return std::min(segments * kSegmentFrames, frames_);
  }

  bool OutputExists() const { return fs::exists(folder_ / "out.mkv"); }

  // Goes on to the end: no more than one segment is made again, and the output is as expected.
  void FinishAndCompare(const std::string& expected) {
    const int closed = ClosedFrames();
    const bool named = OutputExists();
    if (named && !fs::exists(folder_ / ".out.mkv.octoscale/journal")) {
      // Killed after the last thing that could be lost; an empty directory may be left.
      const ProgramResult result = RunProgram(Command({"--resume"}));
      EXPECT_EQ(result.exit_code, 1);
      EXPECT_THAT(result.err, HasSubstr("out.mkv exists"));
    } else {
      const ProgramResult result = RunProgram(Command({"--resume"}));
      ASSERT_EQ(result.exit_code, 0) << result.err;
      const auto done = nlohmann::json::parse(LastLine(result.out), nullptr, false);
      ASSERT_FALSE(done.is_discarded()) << result.out;
      EXPECT_EQ(done["frames"], frames_);
      EXPECT_EQ(done.value("frames_resumed", 0), closed);
    }
    EXPECT_EQ(Content(folder_ / "out.mkv"), expected);
    EXPECT_THAT(folder_.Names(), ElementsAre("in.mp4", "out.mkv"));
    fs::remove(folder_ / "out.mkv");
  }

  static std::string LastLine(std::string text) {
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text.substr(text.rfind('\n') + 1);
  }

  TemporaryFolder folder_;
  int frames_ = 0;
  std::string codec_ = "ffv1";
};

TEST_F(ResumeProgramTest, KilledAtRandomMoments) {
  MakeInput(93);
  const auto start = Clock::now();
  std::map<std::string, std::string> expected;
  for (const char* codec : {"libx264", "ffv1"}) {
    codec_ = codec;
    expected[codec] = Expected();
  }
  const auto whole = std::chrono::duration<double>(Clock::now() - start).count() / 2;
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> share(0.0, 1.0);
  // A very slow machine does fewer rounds, unless they were asked for.
  const auto enough = std::getenv("OCTOSCALE_FAULT_ROUNDS") != nullptr
                          ? Clock::time_point::max()
                          : start + std::chrono::seconds(120);
  for (int round = 0; round < Rounds(12) && Clock::now() < enough; ++round) {
    codec_ = round % 2 == 0 ? "libx264" : "ffv1";
    SCOPED_TRACE("round " + std::to_string(round) + ", " + codec_);
    // Killed twice, so that a run that goes on is killed, too.
    for (int kill = 0; kill < 2 && !OutputExists(); ++kill) {
      Program program(Command({"--resume"}));
      std::this_thread::sleep_for(std::chrono::duration<double>(whole * share(random)));
      program.Signal(SIGKILL);
      program.Finish();
    }
    FinishAndCompare(expected[codec_]);
    if (HasFatalFailure()) return;
  }
}

// Every call that changes a file is a place to be killed at.
TEST_F(ResumeProgramTest, KilledAtEveryChangeOfAFile) {
  MakeInput(20);
  const std::string expected = Expected();
  const std::vector<std::string> preload = {"LD_PRELOAD=" FAULT_AT_LIBRARY, "FAULT=kill"};
  // All of them in `make test-faults`; here every fifth, those at the end among them.
  const int step = std::getenv("OCTOSCALE_FAULT_ROUNDS") != nullptr ? 1 : 5;
  for (int at = 1;; at += step) {
    SCOPED_TRACE("killed at change " + std::to_string(at));
    std::vector<std::string> environment = preload;
    environment.push_back("FAULT_AT=" + std::to_string(at));
    const ProgramResult result = RunProgram(Command(), environment);
    if (result.exit_code == 0) {
      EXPECT_GT(at, 20) << "the library was not loaded";
      break;
    }
    ASSERT_EQ(result.exit_code, 128 + SIGKILL) << result.err;
    FinishAndCompare(expected);
    if (HasFatalFailure()) return;
  }
}

TEST_F(ResumeProgramTest, FullDiskInTheMiddle) {
  MakeInput(20);
  const std::string expected = Expected();
  int kept = 0;
  for (int at = 3; at < 60; at += 8) {
    SCOPED_TRACE("full from change " + std::to_string(at));
    const ProgramResult result = RunProgram(
        Command(),
        {"LD_PRELOAD=" FAULT_AT_LIBRARY, "FAULT=full", "FAULT_AT=" + std::to_string(at)});
    if (result.exit_code == 0) break;
    EXPECT_EQ(result.exit_code, 1) << result.err;
    EXPECT_THAT(result.err, HasSubstr("No space left on device"));
    EXPECT_FALSE(OutputExists());
    if (ClosedFrames() > 0) {
      ++kept;
      EXPECT_THAT(result.err, HasSubstr("--resume"));
    } else {
      EXPECT_THAT(folder_.Names(), ElementsAre("in.mp4"));
    }
    FinishAndCompare(expected);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(kept, 0);
}

TEST_F(ResumeProgramTest, InterruptSaysHowToGoOn) {
  MakeInput(1000);
  Program program(Command());
  for (int tries = 0; tries < 20'000 && ClosedFrames() == 0; ++tries) {
    ASSERT_FALSE(OutputExists()) << "finished before it was interrupted";
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  program.Signal(SIGINT);
  const ProgramResult result = program.Finish();
  EXPECT_EQ(result.exit_code, 130) << result.err;
  EXPECT_THAT(result.err, HasSubstr("interrupted"));
  EXPECT_THAT(result.err, HasSubstr("--resume"));
  EXPECT_FALSE(OutputExists());
  EXPECT_THAT(folder_.Names(), ElementsAre(".out.mkv.octoscale", "in.mp4"));

  const ProgramResult unasked = RunProgram(Command());
  EXPECT_EQ(unasked.exit_code, 1);
  EXPECT_THAT(unasked.err, HasSubstr("add --resume to go on with them, or -y to start over"));
  const ProgramResult other = RunProgram(Command({"--resume", "--crf", "30"}));
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_THAT(other.err, HasSubstr("crf: default there, 30 here"));
  EXPECT_GT(ClosedFrames(), 0);
}

TEST_F(ResumeProgramTest, FolderGoesOnWithWhatIsMissing) {
  MakeInput(20);
  fs::create_directory(folder_ / "videos");
  fs::copy(folder_ / "in.mp4", folder_ / "videos/a.mp4");
  fs::copy(folder_ / "in.mp4", folder_ / "videos/b.mp4");
  const std::vector<std::string> command =
      Octoscale({"upscale", folder_ / "videos", "-o", folder_ / "larger", "--resume"});
  ASSERT_EQ(RunProgram(command).exit_code, 0);
  fs::remove(folder_ / "larger/b.mp4");
  const ProgramResult again = RunProgram(command);
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.err, HasSubstr("a.mp4 is there already"));
  EXPECT_TRUE(fs::exists(folder_ / "larger/b.mp4"));
}

TEST_F(ResumeProgramTest, NoJournalKeepsNothing) {
  MakeInput(1000);
  Program program(Command({"--no-journal"}));
  ASSERT_TRUE(program.WaitForOutput("\"frames_done\":1"));
  EXPECT_FALSE(fs::exists(folder_ / ".out.mkv.octoscale"));
  program.Signal(SIGINT);
  EXPECT_EQ(program.Finish().exit_code, 130);
  EXPECT_THAT(folder_.Names(), ElementsAre("in.mp4"));
  const ProgramResult both = RunProgram(Command({"--no-journal", "--resume"}));
  EXPECT_EQ(both.exit_code, 2);
}

}  // namespace
}  // namespace octoscale::testing
