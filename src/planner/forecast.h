// How long a clip will take, and which choice fits a deadline. Nothing here measures or runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "frame/frame.h"
#include "planner/calibration.h"

namespace octoscale {

struct ClipFacts {
  FrameSize input;
  int scale = 2;
  int64_t frames = 0;
  int batch_frames = 8;
  int engine_threads = 0;  // as asked; 0: one for each core
  ClipProbe probe;
  // probe.engine computes on other machines: cores of this one don't make it faster.
  bool engine_elsewhere = false;
};

// What can be chosen. The order of a list of these is the order of preference.
struct Choice {
  std::string model;
  std::string precision;  // as asked: "auto", ...
  std::string codec;      // FFmpeg's name
  std::string preset;
  bool operator==(const Choice&) const = default;
};

struct Forecast {
  Choice choice;
  std::string arithmetic;    // what the precision comes to here
  double seconds = 0;        // from the start to the complete file
  double start_seconds = 0;  // of which: loading the model, opening files
  double engine_wall = 0;    // the engine alone
  double encoder_wall = 0;   // the encoder alone
  double engine_lead = 0;    // share of engine_wall before the encoder has its first frame
  double encoder_tail = 0;   // share of encoder_wall after the engine's last frame
  double engine_cpu = 0;     // processor seconds of the parts
  double encoder_cpu = 0;
  double other_cpu = 0;  // decoding and colours
  bool fits = false;
};

// Nothing when the calibration lacks the choice's model or encoder.
std::optional<Forecast> ForecastClip(const Calibration& calibration, const ClipFacts& facts,
                                     const Choice& choice);

// A choice fits when its time and a tenth are left until the deadline.
constexpr double kSafetyFactor = 1.1;

struct Plan {
  std::vector<Forecast> forecasts;  // in the order of preference
  // The first that fits; when none does, the fastest. -1: there are no forecasts.
  int chosen = -1;
  bool fits = false;
  // With the fastest choice, for the deadline: how many cores like these, or how many machines like
  // this one that upscale while this one decodes and encodes (0: no number of them is enough).
  // With an engine elsewhere no cores; machines are then how many times as many workers.
  int64_t cores_needed = 0;
  int64_t machines_needed = 0;

  const Forecast& best() const { return forecasts[static_cast<size_t>(chosen)]; }
};

// `seconds_left` until the deadline; 0: there is none, the first choice is taken.
Plan MakePlan(const Calibration& calibration, const ClipFacts& facts,
              const std::vector<Choice>& choices, double seconds_left);

}  // namespace octoscale
