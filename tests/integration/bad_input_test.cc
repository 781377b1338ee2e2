// Bad input: a message that names the thing and the remedy, the documented exit code, and nothing
// under the output's name nor beside it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/integration/media.h"
#include "tests/integration/program.h"

namespace octoscale::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

class BadInputTest : public ::testing::Test {
 protected:
  // Runs `upscale INPUT -o out.mp4 options...`, which must fail in one line.
  std::string Refusal(const std::string& input, int exit_code,
                      const std::vector<std::string>& options = {},
                      const std::vector<std::string>& environment = {}) {
    const std::string output = folder_ / "out.mp4";
    std::vector<std::string> arguments = {"upscale", input, "-o", output};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const std::vector<std::string> before = folder_.Names();
    const ProgramResult result = RunOctoscale(arguments, environment);
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_THAT(result.err, HasSubstr("octoscale: error: "));
    EXPECT_EQ(folder_.Names(), before) << "something was left behind";
    return result.err;
  }
  std::string Clip(const ClipSpec& spec = {.width = 32, .height = 24, .frames = 4}) {
    MakeClip(folder_ / "in.mp4", spec);
    return folder_ / "in.mp4";
  }
  TemporaryFolder folder_;
};

TEST_F(BadInputTest, MissingFile) {
  EXPECT_THAT(Refusal(folder_ / "none.mp4", 1), HasSubstr("none.mp4: no such file"));
}

TEST_F(BadInputTest, FolderWithoutMedia) {
  EXPECT_THAT(Refusal(folder_.path().string(), 1), HasSubstr("no video or picture"));
}

TEST_F(BadInputTest, NeitherFileNorFolder) {
  EXPECT_THAT(Refusal("/dev/null", 2), HasSubstr("/dev/null"));
  EXPECT_THAT(Refusal("-", 2), HasSubstr("'-'"));
}

TEST_F(BadInputTest, EmptyFileAndTextNamedMp4) {
  WriteFile(folder_ / "empty.mp4", "");
  EXPECT_THAT(Refusal(folder_ / "empty.mp4", 1), HasSubstr("empty.mp4"));
  WriteFile(folder_ / "text.mp4", "Dear reader, this is a letter and not a video.\n");
  EXPECT_THAT(Refusal(folder_ / "text.mp4", 1), HasSubstr("text.mp4"));
}

TEST_F(BadInputTest, TruncatedMp4) {
  const std::string whole_name =
      Clip({.frames = 60, .encoder = {"-c:v", "libx264", "-pix_fmt", "yuv420p"}});
  const std::string whole = ReadFile(whole_name);
  WriteFile(folder_ / "no-index.mp4", whole.substr(0, whole.size() / 2));
  EXPECT_THAT(Refusal(folder_ / "no-index.mp4", 1), HasSubstr("no-index.mp4"));
  Ffmpeg({"-i", whole_name, "-c", "copy", "-movflags", "faststart", folder_ / "fast.mp4"});
  const std::string fast = ReadFile(folder_ / "fast.mp4");
  WriteFile(folder_ / "cut.mp4", fast.substr(0, fast.size() * 2 / 3));
  EXPECT_THAT(Refusal(folder_ / "cut.mp4", 1), HasSubstr("cut off"));
}

TEST_F(BadInputTest, SoundWithoutPictures) {
  Ffmpeg({"-f", "lavfi", "-i", "sine=duration=0.2", "-c:a", "aac", folder_ / "in.mp4"});
  EXPECT_THAT(Refusal(folder_ / "in.mp4", 1), HasSubstr("no video"));
}

TEST_F(BadInputTest, VideoWithoutFrames) {
  // A stream that is announced in the header and then has no packet.
  MakeClip(folder_ / "in.avi", {.frames = 1, .encoder = {"-c:v", "rawvideo"}});
  std::string avi = ReadFile(folder_ / "in.avi");
  const size_t movie = avi.find("movi");
  ASSERT_NE(movie, std::string::npos);
  WriteFile(folder_ / "in.avi", avi.substr(0, movie + 4));
  EXPECT_THAT(Refusal(folder_ / "in.avi", 1), HasSubstr("in.avi"));
}

TEST_F(BadInputTest, SizeThatChangesMidStream) {
  MakeClip(folder_ / "a.ts", {.width = 32, .height = 24, .frames = 10});
  MakeClip(folder_ / "b.ts", {.width = 48, .height = 32, .frames = 10});
  WriteFile(folder_ / "in.ts", ReadFile(folder_ / "a.ts") + ReadFile(folder_ / "b.ts"));
  EXPECT_THAT(Refusal(folder_ / "in.ts", 1), HasSubstr("48x32"));
}

TEST_F(BadInputTest, UnknownModelAndScaleThatItLacks) {
  const std::string clip = Clip();
  EXPECT_THAT(Refusal(clip, 2, {"-m", "waifu"}), HasSubstr("realesrgan-x4plus"));
  const std::string message = Refusal(clip, 2, {"-m", "realesrgan-x4plus", "-s", "2"});
  EXPECT_THAT(message, HasSubstr("only 4"));
  EXPECT_THAT(message, HasSubstr("--resample"));
  EXPECT_THAT(Refusal(clip, 2, {"-s", "8"}), HasSubstr("--scale"));
}

TEST_F(BadInputTest, EncoderThatIsUnknownOrRefuses) {
  const std::string clip = Clip();
  EXPECT_THAT(Refusal(clip, 2, {"-c", "libx999"}), HasSubstr("libx264"));
  EXPECT_THAT(Refusal(clip, 2, {"-c", "ffv1"}), HasSubstr("ffv1"));  // not in an MP4
  EXPECT_THAT(Refusal(clip, 2, {"-c", "mpeg4", "--pix-fmt", "yuv444p10le"}), HasSubstr("yuv420p"));
  EXPECT_THAT(Refusal(clip, 2, {"--pix-fmt", "nonsense"}), HasSubstr("nonsense"));
  EXPECT_THAT(Refusal(clip, 2, {"-e", "crf"}), HasSubstr("KEY=VALUE"));
}

TEST_F(BadInputTest, OptionsOutOfRange) {
  const std::string clip = Clip();
  for (const std::vector<std::string>& options :
       std::vector<std::vector<std::string>>{{"-b", "0"},
                                             {"-b", "10000"},
                                             {"--patch-size", "0"},
                                             {"--patch-size", "x"},
                                             {"--threads", "-1"},
                                             {"--start", "noon"},
                                             {"--duration", "0"},
                                             {"--frames", "0"},
                                             {"--precision", "int8"},
                                             {"--progress", "fast"},
                                             {"--start", "1e9"}}) {
    Refusal(clip, 2, options);
  }
}

TEST_F(BadInputTest, OutputThatIsTheInput) {
  const std::string clip = Clip();
  const std::string content = ReadFile(clip);
  std::filesystem::create_hard_link(clip, folder_ / "link.mp4");
  for (const std::string& output : {clip, folder_ / "link.mp4"}) {
    const ProgramResult result = RunOctoscale({"upscale", clip, "-o", output, "-y"});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, HasSubstr("is the input"));
  }
  EXPECT_EQ(ReadFile(clip), content);
}

TEST_F(BadInputTest, ExistingOutput) {
  const std::string clip = Clip();
  WriteFile(folder_ / "out.mp4", "precious");
  EXPECT_THAT(Refusal(clip, 1), HasSubstr("-y"));
  EXPECT_EQ(ReadFile(folder_ / "out.mp4"), "precious");
  EXPECT_EQ(RunOctoscale({"upscale", clip, "-o", folder_ / "out.mp4", "-y"}).exit_code, 0);
  EXPECT_EQ(ProbeClip(folder_ / "out.mp4").frames, 4);
}

TEST_F(BadInputTest, OutputFolderThatIsMissingOrReadOnly) {
  const std::string clip = Clip();
  ProgramResult result = RunOctoscale({"upscale", clip, "-o", folder_ / "no/out.mp4"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("no"));
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere; the rest needs a user";
  std::filesystem::create_directory(folder_ / "locked");
  std::filesystem::permissions(
      folder_ / "locked", std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  result = RunOctoscale({"upscale", clip, "-o", folder_ / "locked/out.mp4"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("locked"));
}

// A library that is loaded into the program makes writes of regular files fail with ENOSPC.
TEST_F(BadInputTest, FullDisk) {
  const std::string preload = std::string("LD_PRELOAD=") + FULL_DISK_LIBRARY;
  const std::string clip = Clip({.frames = 30});
  EXPECT_THAT(Refusal(clip, 1, {}, {preload}), AnyOf(HasSubstr("space"), HasSubstr("full")));
  Ffmpeg({"-f", "lavfi", "-i", "testsrc2=size=64x64", "-frames:v", "1", folder_ / "in.png"});
  const ProgramResult result =
      RunOctoscale({"upscale", folder_ / "in.png", "-o", folder_ / "out.png"}, {preload});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("No space left"));
  EXPECT_THAT(folder_.Names(), ::testing::ElementsAre("in.mp4", "in.png"));
}

TEST_F(BadInputTest, DamagedWeights) {
  const std::string clip = Clip();
  const ProgramResult path = RunOctoscale({"models", "verify", "realesr-animevideov3"});
  ASSERT_EQ(path.exit_code, 0) << "run `octoscale models install` first: " << path.err;
  std::filesystem::create_directory(folder_ / "models");
  std::istringstream lines(path.out);
  std::string state, file;
  while (lines >> state && std::getline(lines >> std::ws, file)) {
    std::filesystem::copy(file, folder_ / "models");
  }
  const std::string weights = folder_ / "models/realesr-animevideov3-x2.bin";
  const std::string graph = folder_ / "models/realesr-animevideov3-x2.param";
  const std::vector<std::string> options = {"--models-dir", folder_ / "models"};
  const std::string whole = ReadFile(weights);
  ASSERT_FALSE(whole.empty());

  WriteFile(weights, whole.substr(0, whole.size() / 2));
  EXPECT_THAT(Refusal(clip, 1, options), HasSubstr("octoscale models install"));
  std::string flipped = whole;
  flipped[whole.size() / 3] ^= 0x10;
  WriteFile(weights, flipped);
  EXPECT_THAT(Refusal(clip, 1, options), HasSubstr("realesr-animevideov3-x2.bin"));
  WriteFile(weights, whole);
  WriteFile(graph, "7767517\n2000000000 2000000000\n");
  EXPECT_THAT(Refusal(clip, 1, options), HasSubstr("realesr-animevideov3-x2.param"));
  std::filesystem::remove(graph);
  EXPECT_THAT(Refusal(clip, 1, options), HasSubstr("octoscale models install"));
}

TEST_F(BadInputTest, ModelsThatAreNotInstalled) {
  const std::string clip = Clip();
  EXPECT_THAT(Refusal(clip, 1, {},
                      {"OCTOSCALE_MODELS=" + (folder_ / "nowhere"), "XDG_DATA_HOME=/nonexistent",
                       "HOME=/nonexistent"}),
              HasSubstr("octoscale models install"));
}

TEST_F(BadInputTest, UnknownInstructionSet) {
  EXPECT_THAT(Refusal(Clip(), 2, {}, {"OCTOSCALE_CPU=mmx"}), HasSubstr("OCTOSCALE_CPU"));
}

}  // namespace
}  // namespace octoscale::testing
