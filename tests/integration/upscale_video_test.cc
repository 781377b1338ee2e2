// octoscale upscale on videos: what comes out, and that speed options change nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/integration/media.h"
#include "tests/integration/program.h"

namespace octoscale::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(UpscaleVideoTest, KeepsEveryFrameAndTheSound) {
  TemporaryFolder folder;
  // Three B-frames and a count that no batch divides: the tail is where frames get lost.
  MakeClip(folder / "in.mp4", {.frames = 37,
                               .encoder = {"-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", "3"},
                               .sound = true});
  const ProgramResult result =
      RunOctoscale({"upscale", folder / "in.mp4", "-o", folder / "out.mp4"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err, HasSubstr("37 frames of 128x96"));
  const Probe in = ProbeClip(folder / "in.mp4");
  const Probe out = ProbeClip(folder / "out.mp4");
  EXPECT_EQ(out.frames, 37);
  EXPECT_EQ(out.width, 128);
  EXPECT_EQ(out.height, 96);
  EXPECT_EQ(out.codec, "h264");
  EXPECT_EQ(out.audio_packets, in.audio_packets);
  EXPECT_THAT(folder.Names(), ::testing::ElementsAre("in.mp4", "out.mp4"));
}

TEST(UpscaleVideoTest, BatchPatchAndThreadsChangeNoPixel) {
  TemporaryFolder folder;
  MakeClip(folder / "in.mkv", {.width = 130, .height = 36, .frames = 9});
  const auto hashes = [&](const std::vector<std::string>& options) {
    std::vector<std::string> arguments = {
        "upscale", folder / "in.mkv", "-o", folder / "out.mkv", "-y", "-c", "ffv1"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const ProgramResult result = RunOctoscale(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return FrameHashes(folder / "out.mkv");
  };
  const std::string expected = hashes({"-b", "8", "--threads", "2"});
  EXPECT_THAT(expected, HasSubstr("0,          8,"));  // the ninth frame
  EXPECT_EQ(hashes({"-b", "1", "--threads", "1"}), expected);
  EXPECT_EQ(hashes({"-b", "4", "--patch-size", "64"}), expected);
  EXPECT_EQ(hashes({"--patch-size", "512", "--threads", "3"}), expected);
}

TEST(UpscaleVideoTest, EveryScaleHasItsSize) {
  TemporaryFolder folder;
  MakeClip(folder / "in.mp4", {.width = 32, .height = 24, .frames = 2});
  for (const char* scale : {"2", "3", "4"}) {
    const ProgramResult result =
        RunOctoscale({"upscale", folder / "in.mp4", "-o", folder / "out.mkv", "-y", "-s", scale});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const Probe out = ProbeClip(folder / "out.mkv");
    EXPECT_EQ(out.width, 32 * std::stoi(scale));
    EXPECT_EQ(out.height, 24 * std::stoi(scale));
    EXPECT_EQ(out.frames, 2);
  }
}

TEST(UpscaleVideoTest, PartOfTheInput) {
  TemporaryFolder folder;
  MakeClip(folder / "in.mp4", {.width = 32, .height = 24, .frames = 50});
  const auto frames = [&](const std::vector<std::string>& options) {
    std::vector<std::string> arguments = {"upscale", folder / "in.mp4", "-o", folder / "out.mkv",
                                          "-y"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const ProgramResult result = RunOctoscale(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return ProbeClip(folder / "out.mkv").frames;
  };
  EXPECT_EQ(frames({"--frames", "5"}), 5);
  EXPECT_EQ(frames({"--start", "1.6"}), 10);
  EXPECT_EQ(frames({"--start", "0:01", "--duration", "0.4"}), 10);
  EXPECT_EQ(frames({"--frames", "500"}), 50);
}

TEST(UpscaleVideoTest, EncoderOptionsReachTheEncoder) {
  TemporaryFolder folder;
  MakeClip(folder / "in.mp4", {.frames = 8});
  const auto size = [&](const std::vector<std::string>& options) {
    std::vector<std::string> arguments = {"upscale", folder / "in.mp4", "-o", folder / "out.mkv",
                                          "-y"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const ProgramResult result = RunOctoscale(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return std::filesystem::file_size(folder / "out.mkv");
  };
  const auto good = size({"--crf", "10"});
  EXPECT_LT(size({"--crf", "45"}), good / 2);
  EXPECT_LT(size({"-e", "crf=45"}), good / 2);
  EXPECT_GT(size({"-c", "ffv1"}), 0u);
  EXPECT_EQ(ProbeClip(folder / "out.mkv").codec, "ffv1");
}

TEST(UpscaleVideoTest, JsonEventsAreOnStdout) {
  TemporaryFolder folder;
  MakeClip(folder / "in.mp4", {.width = 32, .height = 24, .frames = 20});
  const ProgramResult result = RunOctoscale(
      {"upscale", folder / "in.mp4", "-o", folder / "out.mp4", "--progress", "json", "-b", "2"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::istringstream lines(result.out);
  std::string line;
  nlohmann::json last;
  int progress_events = 0;
  while (std::getline(lines, line)) {
    last = nlohmann::json::parse(line, nullptr, false);
    ASSERT_FALSE(last.is_discarded()) << line;
    if (last["event"] != "progress") continue;
    ++progress_events;
    EXPECT_EQ(last["frames_total"], 20) << line;
    EXPECT_LE(last["frames_done"], 20) << line;
    EXPECT_TRUE(last.contains("fps") && last.contains("eta_s")) << line;
  }
  EXPECT_GE(progress_events, 1);
  EXPECT_EQ(last["event"], "done");
  EXPECT_EQ(last["frames"], 20);
  EXPECT_EQ(last["width"], 64);
  EXPECT_EQ(last["height"], 48);
  EXPECT_EQ(last["output"], folder / "out.mp4");
  EXPECT_GT(last["seconds"], 0);
  EXPECT_GT(last["fps"], 0);
}

TEST(UpscaleVideoTest, ResampleRunsAModelAtAScaleThatItLacks) {
  TemporaryFolder folder;
  MakeClip(folder / "in.mp4", {.width = 16, .height = 16, .frames = 2});
  const ProgramResult result =
      RunOctoscale({"upscale", folder / "in.mp4", "-o", folder / "out.mp4", "-m",
                    "realesr-general-x4v3", "-s", "2", "--resample"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(ProbeClip(folder / "out.mp4").width, 32);
}

TEST(UpscaleVideoTest, TinyAndOddSizes) {
  TemporaryFolder folder;
  const std::vector<std::string> lossless = {"-c:v", "ffv1", "-pix_fmt", "bgr0"};
  for (const auto& [width, height] : {std::pair(1, 1), std::pair(2, 2), std::pair(33, 17)}) {
    MakeClip(folder / "in.mkv",
             {.width = width, .height = height, .frames = 3, .encoder = lossless});
    for (const std::string scale : {"2", "3"}) {
      const ProgramResult result =
          RunOctoscale({"upscale", folder / "in.mkv", "-o", folder / "out.mkv", "-y", "-s", scale});
      ASSERT_EQ(result.exit_code, 0) << width << "x" << height << " x" << scale << result.err;
      const Probe out = ProbeClip(folder / "out.mkv");
      EXPECT_EQ(out.width, width * std::stoi(scale));
      EXPECT_EQ(out.height, height * std::stoi(scale));
      EXPECT_EQ(out.frames, 3);
    }
  }
}

// x265 leaves the decoding times of such a video unwritten; MALLOC_PERTURB_ makes that show.
TEST(UpscaleVideoTest, OneAndTwoPicturesOfHevc) {
  TemporaryFolder folder;
  for (const int frames : {1, 2}) {
    MakeClip(folder / "in.mp4", {.width = 32, .height = 24, .frames = frames});
    for (const std::vector<std::string>& more :
         std::vector<std::vector<std::string>>{{"--no-journal"}, {"--preset", "ultrafast"}}) {
      std::vector<std::string> arguments = {
          "upscale", folder / "in.mp4", "-o", folder / "out.mp4", "-y", "-c", "libx265"};
      arguments.insert(arguments.end(), more.begin(), more.end());
      const ProgramResult result = RunOctoscale(arguments, {"MALLOC_PERTURB_=170"});
      ASSERT_EQ(result.exit_code, 0) << result.err;
      EXPECT_EQ(ProbeClip(folder / "out.mp4").frames, frames);
    }
  }
}

TEST(UpscaleVideoTest, OddFileNames) {
  TemporaryFolder folder;
  MakeClip(folder / "in.mp4", {.width = 32, .height = 24, .frames = 2});
  for (const std::string name : {"with space.mp4", "100%d.mp4", "-dash.mp4", "quote'\".mp4",
                                 "line\nbreak.mp4", "\xC3\xA9.mp4", "bad\xFFutf8.mp4"}) {
    std::filesystem::rename(folder / "in.mp4", folder / name);
    const ProgramResult result = RunOctoscale(
        {"upscale", folder / name, "-o", folder / ("out" + name), "--progress", "json"});
    EXPECT_EQ(result.exit_code, 0) << name << result.err;
    EXPECT_TRUE(std::filesystem::exists(folder / ("out" + name))) << name;
    std::filesystem::rename(folder / name, folder / "in.mp4");
  }
}

}  // namespace
}  // namespace octoscale::testing
