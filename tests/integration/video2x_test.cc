// video2x as programs and people call it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

#include "tests/integration/media.h"
#include "tests/integration/program.h"
#include "tests/integration/terminal_program.h"

namespace octoscale::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

using Words = std::vector<std::string>;

Words Video2x(Words arguments) {
  arguments.insert(arguments.begin(), VIDEO2X_BINARY);
  return arguments;
}

ProgramResult RunVideo2x(const Words& arguments, const Words& environment = {}) {
  return RunProgram(Video2x(arguments), environment);
}

bool HaveModels() {
  static const bool have =
      RunOctoscale({"models", "verify", "realesr-animevideov3", "realesr-general-x4v3"})
          .exit_code == 0;
  return have;
}

// Tests that upscale: real weights are needed.
class Video2xRunTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (HaveModels()) return;
    const char* required = std::getenv("OCTOSCALE_REQUIRE_MODELS");
    if (required != nullptr && std::string(required) == "1") FAIL() << "models are not installed";
    GTEST_SKIP() << "models are not installed";
  }
  Words Base(const Words& more = {}) const {
    Words words = {"-i", in_, "-o", out_, "-p", "realesrgan", "-s", "2"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  TemporaryFolder folder_;
  const std::string in_ = folder_ / "in.mp4";
  const std::string out_ = folder_ / "out.mp4";
};

std::string StreamEntry(const std::string& path, const std::string& entry) {
  std::string text = RunProgram({"ffprobe", "-v", "error", "-select_streams", "v:0",
                                 "-show_entries", "stream=" + entry, "-of", "csv=p=0", path})
                         .out;
  while (!text.empty() && (text.back() == '\n' || text.back() == ',')) text.pop_back();
  return text;
}

TEST_F(Video2xRunTest, RealCallWithX265AndMain) {
  MakeClip(in_, {.frames = 11});
  const Words encoder = {"-d",
                         "0",
                         "--pix-fmt=yuv420p",
                         "--max-b-frames=0",
                         "--realesrgan-model",
                         "realesr-animevideov3",
                         "-c",
                         "libx265",
                         "-e",
                         "preset=fast",
                         "-e",
                         "crf=28",
                         "-e",
                         "profile=main"};
  const ProgramResult result = RunVideo2x(Base(encoder));
  ASSERT_EQ(result.exit_code, 0) << result.out;
  EXPECT_THAT(result.out, Not(HasSubstr("[warning]")));
  EXPECT_EQ(StreamEntry(out_, "codec_name,profile,width,height,pix_fmt,has_b_frames"),
            "hevc,Main,128,96,0,yuv420p");
  EXPECT_EQ(ProbeClip(out_).frames, 11);
}

TEST_F(Video2xRunTest, RealCallWithForeignOptionsWarnsAndRuns) {
  MakeClip(in_, {.width = 32, .height = 24, .frames = 5});
  const ProgramResult result = RunVideo2x({"-i", in_,
                                           "-o", out_,
                                           "-p", "realesrgan",
                                           "-s", "4",
                                           "-c", "libx265",
                                           "-e", "preset=slow",
                                           "-e", "crf=20",
                                           "-e", "profile=main",
                                           "-e", "pix_fmt=yuv420p",
                                           "-e", "sar=1:1",
                                           "-e", "color_primaries=bt709",
                                           "-e", "color_trc=bt709",
                                           "-e", "colorspace=bt709",
                                           "-e", "movflags=+faststart"});
  ASSERT_EQ(result.exit_code, 0) << result.out;
  for (const char* key : {"pix_fmt", "sar", "color_primaries", "color_trc", "colorspace"}) {
    EXPECT_THAT(result.out, ContainsRegex("\\[warning\\] option '" + std::string(key) + "'"));
  }
  EXPECT_THAT(result.out, Not(HasSubstr("'movflags'")));
  EXPECT_EQ(StreamEntry(out_, "codec_name,profile,width,height,pix_fmt"),
            "hevc,Main,128,96,yuv420p");
  // +faststart: the index stands before the pictures.
  const std::string file = ReadFile(out_);
  EXPECT_LT(file.find("moov"), file.find("mdat"));
  EXPECT_EQ(ProbeClip(out_).frames, 5);
}

TEST_F(Video2xRunTest, RealCallWithX264) {
  MakeClip(in_, {.frames = 9, .sound = true});
  const ProgramResult result =
      RunVideo2x(Base({"-c", "libx264", "-e", "preset=slow", "-e", "crf=28"}));
  ASSERT_EQ(result.exit_code, 0) << result.out;
  const Probe out = ProbeClip(out_);
  EXPECT_EQ(out.codec, "h264");
  EXPECT_EQ(out.frames, 9);
  EXPECT_EQ(out.audio_packets, ProbeClip(in_).audio_packets);
  EXPECT_EQ(RunOctoscale({"verify", in_, out_, "-s", "2"}).exit_code, 0);
}

TEST_F(Video2xRunTest, EncoderThatIsNotThereNamesThoseThatAre) {
  MakeClip(in_, {.frames = 2});
  for (const char* codec : {"av1_nvenc", "hevc_nvenc"}) {
    const ProgramResult result =
        RunVideo2x(Base({"-d", "0", "--pix-fmt=yuv420p", "--max-b-frames=0", "--realesrgan-model",
                         "realesr-animevideov3", "-c", codec, "-e", "preset=p4", "-e", "cq=35"}));
    // A machine with such hardware may well run it.
    if (result.exit_code == 0) continue;
    EXPECT_EQ(result.exit_code, 255) << result.out;
    EXPECT_THAT(result.out, ContainsRegex("\\[critical\\].*" + std::string(codec)));
    EXPECT_THAT(result.out, HasSubstr("libx265"));
    EXPECT_THAT(result.out, HasSubstr("libsvtav1"));
    EXPECT_THAT(folder_.Names(), ElementsAre("in.mp4"));
  }
}

TEST_F(Video2xRunTest, OutputFormat) {
  MakeClip(in_, {.frames = 6});
  WriteFile(out_, "an older file is replaced");
  const ProgramResult result = RunVideo2x(Base());
  ASSERT_EQ(result.exit_code, 0) << result.out;
  EXPECT_THAT(result.err, IsEmpty());
  const std::string time = "\\[[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\\] ";
  EXPECT_THAT(result.out, ContainsRegex("^" + time + "\\[info\\] Video2X version 6\\.4\\.0"));
  EXPECT_THAT(result.out, ContainsRegex(time + "\\[info\\] Processing file: [^\n]*in\\.mp4\n"));
  EXPECT_THAT(result.out,
              ContainsRegex("\r\x1b\\[Kframe=6/6 \\(100\\.00%\\); fps=[0-9]+\\.[0-9]{2}; "
                            "elapsed=[0-9]{2}:[0-9]{2}:[0-9]{2}; remaining=00:00:00\n\\["));
  EXPECT_THAT(result.out, ContainsRegex("\n====== Video2X Processing summary ======\n"
                                        "Video file processed: [^\n]*/in\\.mp4\n"
                                        "Total frames processed: 6\n"
                                        "Total time taken: [0-9:]{8}\n"
                                        "Average processing speed: [0-9]+\\.[0-9]{2} FPS\n"
                                        "Output written to: [^\n]*/out\\.mp4\n$"));
  EXPECT_THAT(result.out, Not(HasSubstr("[space]")));  // there is no terminal
  EXPECT_EQ(ProbeClip(out_).frames, 6);
}

TEST_F(Video2xRunTest, QuietRunPrintsTheSummaryOnly) {
  MakeClip(in_, {.width = 32, .height = 24, .frames = 2});
  const ProgramResult result = RunVideo2x(Base({"--log-level", "none", "--no-progress"}));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, StartsWith("====== Video2X Processing summary ======\n"));
}

TEST_F(Video2xRunTest, KeepsTheTailUnlessAskedToDropIt) {
  MakeClip(in_, {.frames = 21, .encoder = {"-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", "3"}});
  ASSERT_EQ(RunVideo2x(Base()).exit_code, 0);
  EXPECT_EQ(ProbeClip(out_).frames, 21);
  const ProgramResult dropped = RunVideo2x(Base(), {"OCTOSCALE_VIDEO2X_DROP_TAIL=2"});
  ASSERT_EQ(dropped.exit_code, 0) << dropped.out;
  EXPECT_EQ(ProbeClip(out_).frames, 19);
  EXPECT_THAT(dropped.out, HasSubstr("Total frames processed: 19"));
  EXPECT_EQ(RunVideo2x(Base(), {"OCTOSCALE_VIDEO2X_DROP_TAIL=21"}).exit_code, 255);
}

TEST_F(Video2xRunTest, BytesOnStdinAreNoKeys) {
  MakeClip(in_, {.width = 32, .height = 24, .frames = 3});
  const ProgramResult result =
      RunProgram({"sh", "-c", "printf ' q\\nq' | \"$@\"", "sh", VIDEO2X_BINARY, "-i", in_, "-o",
                  out_, "-p", "realesrgan", "-s", "2"});
  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_THAT(result.out, Not(HasSubstr("paused")));
}

TEST_F(Video2xRunTest, KeysOnATerminal) {
  // Long enough to be caught half-way on any machine.
  MakeClip(in_, {.width = 96,
                 .height = 64,
                 .frames = 2000,
                 .encoder = {"-c:v", "libx264", "-preset", "ultrafast"}});
  TerminalProgram program(Video2x(Base()));
  ASSERT_TRUE(program.WaitFor("Press [space]")) << program.shown();
  ASSERT_TRUE(program.WaitFor("frame=")) << program.shown();
  program.Type("x ");
  ASSERT_TRUE(program.WaitFor("Processing paused")) << program.shown();
  program.Type(" ");
  ASSERT_TRUE(program.WaitFor("Processing resumed")) << program.shown();
  ASSERT_TRUE(program.WaitFor("frame=")) << program.shown();
  program.Type("q");
  EXPECT_EQ(program.Finish(), 2) << program.shown();
  EXPECT_THAT(program.shown(), HasSubstr("[warning] Video processing aborted"));
  EXPECT_THAT(program.shown(), Not(HasSubstr("summary")));
  EXPECT_THAT(folder_.Names(), ElementsAre("in.mp4"));
}

// Under a shell, which shows what is left of the terminal: Ctrl+C twice, and Ctrl+backslash.
TEST_F(Video2xRunTest, TerminalComesBackHoweverItEnds) {
  MakeClip(in_, {.width = 96,
                 .height = 64,
                 .frames = 2000,
                 .encoder = {"-c:v", "libx264", "-preset", "ultrafast"}});
  for (const auto& [keys, code] : {std::pair("\x03\x03", "code=2"), {"\x1c", "code=131"}}) {
    std::vector<std::string> words = {
        "/bin/sh", "-c", "trap : INT QUIT; ulimit -c 0; \"$@\"; echo code=$?; stty -a", "sh"};
    for (const std::string& word : Video2x(Base())) words.push_back(word);
    TerminalProgram program(words);
    ASSERT_TRUE(program.WaitFor("frame=")) << program.shown();
    program.Type(keys);
    ASSERT_TRUE(program.WaitFor(code)) << program.shown();
    program.Finish();
    EXPECT_THAT(program.shown(), HasSubstr(" icanon"));
    EXPECT_THAT(program.shown(), HasSubstr(" echo "));
  }
}

TEST_F(Video2xRunTest, SignalAborts) {
  MakeClip(in_, {.width = 96,
                 .height = 64,
                 .frames = 2000,
                 .encoder = {"-c:v", "libx264", "-preset", "ultrafast"}});
  Program program(Video2x(Base()));
  ASSERT_TRUE(program.WaitForOutput("frame="));
  program.Signal(SIGTERM);
  const ProgramResult result = program.Finish();
  EXPECT_EQ(result.exit_code, 2) << result.out;
  EXPECT_THAT(folder_.Names(), ElementsAre("in.mp4"));
}

TEST_F(Video2xRunTest, BenchmarkWritesNothing) {
  MakeClip(in_, {.frames = 5});
  const ProgramResult result =
      RunVideo2x({"-i", in_, "-p", "realesrgan", "-s", "2", "--benchmark"});
  ASSERT_EQ(result.exit_code, 0) << result.out;
  EXPECT_THAT(result.out, HasSubstr("====== Video2X Benchmark summary ======"));
  EXPECT_THAT(result.out, HasSubstr("Total frames processed: 5"));
  EXPECT_THAT(result.out, Not(HasSubstr("Output written")));
  EXPECT_THAT(folder_.Names(), ElementsAre("in.mp4"));
}

TEST_F(Video2xRunTest, ModelThatLacksTheScaleIsResized) {
  MakeClip(in_, {.width = 16, .height = 16, .frames = 1});
  const ProgramResult result =
      RunVideo2x(Base({"--realesrgan-model", "realesr-generalv3", "--no-copy-streams"}));
  ASSERT_EQ(result.exit_code, 0) << result.out;
  EXPECT_THAT(result.out, ContainsRegex("\\[warning\\] model realesr-generalv3 has no scale 2"));
  EXPECT_EQ(ProbeClip(out_).width, 32);
}

TEST_F(Video2xRunTest, SeveralPairsAfterOneEAndNoAudio) {
  MakeClip(in_, {.width = 32, .height = 24, .frames = 3, .sound = true});
  const ProgramResult result = RunVideo2x(
      Base({"-e", "preset=ultrafast", "tune=grain", "nonsense=1", "--no-copy-audio-streams"}));
  ASSERT_EQ(result.exit_code, 0) << result.out;
  EXPECT_THAT(result.out, ContainsRegex("\\[warning\\] option 'nonsense'"));
  EXPECT_THAT(result.out, Not(HasSubstr("'tune'")));
  EXPECT_EQ(ProbeClip(out_).audio_packets, 0);
}

TEST_F(Video2xRunTest, Failures) {
  ProgramResult result = RunVideo2x(Base());
  EXPECT_EQ(result.exit_code, 1) << result.out;
  EXPECT_THAT(result.out, ContainsRegex("\\[critical\\] Video processing failed: .*in\\.mp4"));
  WriteFile(in_, "no video at all");
  EXPECT_EQ(RunVideo2x(Base()).exit_code, 1);
  MakeClip(in_, {.width = 32, .height = 24, .frames = 1});
  EXPECT_EQ(RunVideo2x({"-i", in_, "-o", in_, "-p", "realesrgan", "-s2"}).exit_code, 255);
  EXPECT_EQ(RunVideo2x(Base({"-e", "preset=warp"})).exit_code, 255);
  EXPECT_EQ(RunVideo2x(Base({"--pix-fmt", "pink"})).exit_code, 255);
  EXPECT_EQ(
      RunVideo2x({"-i", in_, "-o", folder_ / "no/out.mp4", "-p", "realesrgan", "-s2"}).exit_code,
      1);
  EXPECT_EQ(RunVideo2x(Base(), {"OCTOSCALE_MODELS=/nonexistent", "HOME=/nonexistent",
                                "XDG_DATA_HOME=/nonexistent"})
                .exit_code,
            1);
  EXPECT_THAT(folder_.Names(), ElementsAre("in.mp4"));
}

TEST(Video2xTest, OtherProcessorsAreRefusedByName) {
  for (const std::string processor : {"libplacebo", "realcugan", "rife"}) {
    const ProgramResult result =
        RunVideo2x({"-i", "a.mp4", "-o", "b.mp4", "-p", processor, "-s", "2"});
    EXPECT_EQ(result.exit_code, 255);
    EXPECT_THAT(result.out, ContainsRegex("\\[critical\\] processor '" + processor + "'"));
  }
}

TEST(Video2xTest, BadArgumentsAreOneLine) {
  for (const Words& words : std::vector<Words>{{"-h"},
                                               {"-x"},
                                               {"stray"},
                                               {"--input"},
                                               {"-i", "a.mp4"},
                                               {"-i", "a", "-o", "b", "-p", "realesrgan", "-s9"}}) {
    const ProgramResult result = RunVideo2x(words);
    EXPECT_EQ(result.exit_code, 255);
    EXPECT_THAT(result.out, ContainsRegex("^\\[[^\n]*\\] \\[critical\\] [^\n]+\n$"));
  }
}

TEST(Video2xTest, HelpVersionAndDevices) {
  for (const Words& words : std::vector<Words>{{}, {"--help"}}) {
    const ProgramResult help = RunVideo2x(words);
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_THAT(help.out, StartsWith("Usage: video2x"));
    EXPECT_THAT(help.out, HasSubstr("-h, --height"));
  }
  for (const char* version : {"-V", "--version"}) {
    const ProgramResult result = RunVideo2x({version});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(result.out, StartsWith("Video2X version 6.4.0 (octoscale "));
  }
  const ProgramResult devices = RunVideo2x({"-l"});
  EXPECT_EQ(devices.exit_code, 0);
  EXPECT_THAT(devices.out, ContainsRegex("^0\\. [^\n]+\n\tType: CPU\n"));
}

}  // namespace
}  // namespace octoscale::testing
