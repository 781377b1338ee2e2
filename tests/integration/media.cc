#include "tests/integration/media.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/integration/program.h"

namespace octoscale::testing {

void Ffmpeg(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {"ffmpeg", "-v", "error", "-nostdin", "-y"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const ProgramResult result = RunProgram(argv);
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

void MakeClip(const std::string& path, const ClipSpec& spec) {
  // The source can't be smaller than a few pixels, so it is cropped.
  const int width = std::max(spec.width, 16), height = std::max(spec.height, 16);
  const std::string source =
      "testsrc2=rate=25:size=" + std::to_string(width) + "x" + std::to_string(height) +
      ",format=rgb24,crop=" + std::to_string(spec.width) + ":" + std::to_string(spec.height);
  std::vector<std::string> arguments = {"-f", "lavfi", "-i", source};
  if (spec.sound) {
    const std::string seconds = std::to_string(spec.frames / 25.0);
    arguments.insert(arguments.end(),
                     {"-f", "lavfi", "-i", "sine=frequency=440:duration=" + seconds});
  }
  arguments.insert(arguments.end(), {"-frames:v", std::to_string(spec.frames)});
  arguments.insert(arguments.end(), spec.encoder.begin(), spec.encoder.end());
  if (spec.sound) arguments.insert(arguments.end(), {"-c:a", "aac"});
  arguments.push_back(path);
  Ffmpeg(arguments);
}

Probe ProbeClip(const std::string& path) {
  const ProgramResult result = RunProgram({"ffprobe", "-v", "error", "-count_frames",
                                           "-count_packets", "-show_streams", "-of", "json", path});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  Probe probe;
  const auto json = nlohmann::json::parse(result.out, nullptr, false);
  if (json.is_discarded() || !json.contains("streams")) {
    ADD_FAILURE() << path << ": ffprobe said: " << result.out;
    return probe;
  }
  for (const auto& stream : json["streams"]) {
    if (stream["codec_type"] == "video") {
      probe.width = stream["width"];
      probe.height = stream["height"];
      probe.codec = stream["codec_name"];
      probe.frames = std::stoi(stream["nb_read_frames"].get<std::string>());
    } else if (stream["codec_type"] == "audio") {
      probe.audio_packets = std::stoi(stream["nb_read_packets"].get<std::string>());
    }
  }
  return probe;
}

std::string FrameHashes(const std::string& path) {
  const ProgramResult result = RunProgram(
      {"ffmpeg", "-v", "error", "-nostdin", "-i", path, "-map", "0:v", "-f", "framemd5", "-"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.out;
}

}  // namespace octoscale::testing
