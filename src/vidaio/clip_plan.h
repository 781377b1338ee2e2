// The plan of one clip: what there is to choose from, and how long each would take here.
#pragma once

#include <chrono>
#include <string>

#include "base/cancel.h"
#include "base/status.h"
#include "frame/frame_upscaler.h"
#include "planner/forecast.h"
#include "vidaio/clip_job.h"
#include "vidaio/clip_setup.h"

namespace octoscale {

struct ClipPlan {
  ClipFacts facts;
  Plan plan;
  MachineFacts machine;
  int64_t calibrated_unix = 0;
  bool measured_now = false;     // the calibration lacked something, which was measured
  std::string calibration_path;  // empty: it could not be kept
  double planning_seconds = 0;   // from the start of the job to the end of planning
  double deadline_seconds = 0;
  int64_t bytes_max = 0;  // of the answer; 0: no task
};

// Measures what the calibration of this machine lacks (seconds, the first time), looks at a piece
// of the clip (about a second) and forecasts every choice: the job's model and precision, or those
// of its task, with the encoder's presets from the slowest worth its time to the fastest, where the
// job leaves them open. A calibration that can't be kept is no error.
// Errors: those of RunClip() that can be seen before the start; Unsupported (the number of frames
// is unknown).
Result<ClipPlan> PlanClip(const ClipJob& job, const CancelToken& cancel = {});

// The same for a job that is set up already and began at `start`. With an `upscaler`, which is
// ready, its speed is measured on frames of the clip, in the place of the local engine's.
Result<ClipPlan> PlanClip(const ClipJob& job, const ClipSetup& setup, FrameUpscaler* upscaler,
                          std::chrono::steady_clock::time_point start, const CancelToken& cancel);

// "realesr-animevideov3 (bf16), libx265 veryfast"; "... on workers, ..." where the engine isn't
// local.
std::string ChoiceText(const Forecast& forecast);

// "7.3 s", "41 s".
std::string ShortSeconds(double seconds);

// What to say when nothing fits: how long the fastest takes, and what would be enough.
std::string NothingFitsText(const ClipPlan& plan);

}  // namespace octoscale
