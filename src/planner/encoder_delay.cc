#include "planner/encoder_delay.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace octoscale {
namespace {

struct Delay {
  std::string_view preset;
  int frames;
};

constexpr int kUnknown = 8;
constexpr int kSvtAv1 = 49;  // at presets 6 to 12

// Without the frame threads.
constexpr Delay kX264[] = {{"ultrafast", 2}, {"superfast", 8}, {"veryfast", 15},
                           {"faster", 25},   {"fast", 35},     {"medium", 45},
                           {"slow", 55},     {"slower", 65},   {"veryslow", 70}};
constexpr Delay kX265[] = {{"ultrafast", 11}, {"superfast", 16}, {"veryfast", 22},
                           {"faster", 22},    {"fast", 22},      {"medium", 27},
                           {"slow", 32},      {"slower", 51},    {"veryslow", 51}};

template <size_t kCount>
int Find(const Delay (&delays)[kCount], std::string_view preset) {
  if (preset.empty()) preset = "medium";
  const auto* found = std::find_if(std::begin(delays), std::end(delays),
                                   [&](const Delay& delay) { return delay.preset == preset; });
  return found == std::end(delays) ? kUnknown : found->frames;
}

}  // namespace

int EncoderDelayFrames(const std::string& codec, const std::string& preset, int cores) {
  // x264 has three threads for two cores, and each but one has a frame of its own.
  if (codec == "libx264") return Find(kX264, preset) + std::max(0, cores * 3 / 2 - 1);
  if (codec == "libx265") return Find(kX265, preset);
  return codec == "libsvtav1" ? kSvtAv1 : kUnknown;
}

}  // namespace octoscale
