// Small clips made by the ffmpeg program, and what ffprobe says about results.
#pragma once

#include <string>
#include <vector>

namespace octoscale::testing {

// Runs ffmpeg quietly with these arguments; a failure fails the test.
void Ffmpeg(const std::vector<std::string>& arguments);

struct ClipSpec {
  int width = 64;
  int height = 48;
  int frames = 10;
  std::vector<std::string> encoder = {"-c:v", "libx264", "-pix_fmt", "yuv420p"};
  bool sound = false;
};

// A moving test picture at 25 frames per second.
void MakeClip(const std::string& path, const ClipSpec& spec = {});

struct Probe {
  int width = 0;
  int height = 0;
  int frames = 0;  // decoded and counted
  std::string codec;
  int audio_packets = 0;
};

Probe ProbeClip(const std::string& path);

// One hash a frame, of the decoded pixels and times.
std::string FrameHashes(const std::string& path);

}  // namespace octoscale::testing
