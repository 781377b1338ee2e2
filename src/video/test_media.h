// Test material made with the ffmpeg program, and what ffprobe says about results. For tests only.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include "base/testing/temp_dir.h"
#include "gtest/gtest.h"

namespace octoscale {

inline std::string Quote(const std::string& word) {
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// Runs a shell command and returns its stdout; a failure is a test failure with stderr's text.
inline std::string RunShell(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  std::string output;
  std::array<char, 4096> buffer;
  size_t got = 0;
  while ((got = fread(buffer.data(), 1, buffer.size(), pipe)) > 0)
    output.append(buffer.data(), got);
  const int status = pclose(pipe);
  EXPECT_EQ(status, 0) << command << "\n" << output;
  return output;
}

// ffmpeg with `arguments` (shell words; quote names with Quote()).
inline void Ffmpeg(const std::string& arguments) {
  RunShell("ffmpeg -nostdin -hide_banner -v error -y " + arguments);
}

// ffprobe's compact lines for `entries`, e.g. "stream=codec_name,width".
inline std::string Ffprobe(const std::string& path, const std::string& arguments) {
  std::string output =
      RunShell("ffprobe -v error -of compact=p=0 " + arguments + " " + Quote("file:" + path));
  while (!output.empty() && output.back() == '\n') output.pop_back();
  return output;
}

// One value of the first video stream, e.g. "pix_fmt".
inline std::string VideoEntry(const std::string& path, const std::string& entry) {
  const std::string line = Ffprobe(path, "-select_streams V:0 -show_entries stream=" + entry);
  const std::string prefix = entry + "=";
  const size_t at = line.find(prefix);
  if (at == std::string::npos) return "";
  const size_t end = line.find_first_of("|\n", at);
  return line.substr(at + prefix.size(), end == std::string::npos ? end : end - at - prefix.size());
}

// The first video stream's pictures, in presentation order, one "pts_time" or the like each.
inline std::vector<std::string> FrameEntries(const std::string& path, const std::string& entry) {
  std::istringstream lines(Ffprobe(path, "-select_streams V:0 -show_entries frame=" + entry));
  std::vector<std::string> values;
  std::string line;
  while (std::getline(lines, line)) {
    const std::string prefix = entry + "=";
    const size_t at = line.find(prefix);
    if (at == std::string::npos) continue;
    const size_t end = line.find('|', at);
    values.push_back(
        line.substr(at + prefix.size(), end == std::string::npos ? end : end - at - prefix.size()));
  }
  return values;
}

// Picture times in seconds.
inline std::vector<double> FrameTimes(const std::string& path) {
  std::vector<double> times;
  for (const std::string& value : FrameEntries(path, "best_effort_timestamp_time")) {
    times.push_back(std::stod(value));
  }
  return times;
}

// MD5 of each picture after an ffmpeg filter (such as "scale=128:96:flags=neighbor") in a format.
inline std::vector<std::string> FrameHashes(const std::string& path, const std::string& pix_fmt,
                                            const std::string& filter = "null") {
  std::istringstream lines(RunShell("ffmpeg -nostdin -v error -i " + Quote("file:" + path) +
                                    " -map 0:V:0 -vf " + Quote(filter) + " -fps_mode passthrough" +
                                    " -pix_fmt " + pix_fmt + " -f framemd5 -"));
  std::vector<std::string> hashes;
  std::string line;
  while (std::getline(lines, line)) {
    if (line.empty() || line[0] == '#') continue;
    hashes.push_back(line.substr(line.rfind(' ') + 1));
  }
  return hashes;
}

}  // namespace octoscale
