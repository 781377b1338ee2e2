// One clip from file to file: the task's preset, the engine, the pipeline, the deadline.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "models/model_upscaler.h"
#include "pipeline/pipeline.h"
#include "vidaio/preset.h"
#include "vidaio/tasks.h"

namespace octoscale {

// What to do when no choice meets the deadline.
enum class LatePolicy {
  kRefuse,  // DeadlineExceeded before anything starts
  kRun,     // the fastest honest choice, with a notice
};

struct ClipJob {
  std::string input;
  std::string output;  // .mp4 with a task
  // Unset: pipeline.writer.encoder and model.engine.scale decide alone.
  std::optional<VidaioTask> task;
  // model.model empty: the task's. model.engine.scale is the task's where there is one. A task's
  // own model is resampled where it lacks the scale; another one when model.resample says so.
  ModelRequest model;
  // Makes something else than the local engine (remote workers, a test's double), ready to work.
  // The request is complete: model and scale are the task's. Empty: CreateModelUpscaler.
  std::function<Result<std::unique_ptr<FrameUpscaler>>(const ModelRequest&)> make_upscaler;
  // For the planner: what make_upscaler made computes on this machine, in other processes.
  bool upscaler_shares_cores = false;
  ClipCodec codec = ClipCodec::kHevc;  // with a task
  std::optional<double> quality;       // CRF, with a task; unset: the preset's
  std::string encoder_preset;          // with a task; empty: the preset's, or the planner's choice
  double deadline_seconds = 0;         // for all of RunClip(); 0: none
  LatePolicy late = LatePolicy::kRefuse;
  bool recalibrate = false;  // measure this machine again, whatever is kept of it
  // Reader, journal, streams to copy, overwrite, bounds of the queues. `on_warning` gets what the
  // task drops, too.
  PipelineOptions pipeline;
  // Sizes in bytes that the answer must not have: those of the other answers of its bundle. With a
  // task only.
  std::vector<int64_t> sizes_taken;
  int64_t frames_max = 0;  // more, found while it runs, are ResourceExhausted; 0: no limit
};

struct ClipProgress {
  PipelineProgress pipeline;
  double predicted_seconds = 0;  // of the whole clip, as it looks now; 0: no prediction
};

struct ClipEvents {
  // From one thread, after every written frame. Must return fast.
  std::function<void(const ClipProgress&)> progress;
  // Lines for people, from any of RunClip's threads. What was chosen, what changed:
  std::function<void(const std::string&)> notice;
  // That it will be late, or was. Empty: goes to `notice`.
  std::function<void(const std::string&)> warning;
};

struct ClipReport {
  PipelineReport video;
  std::string model;
  std::string precision;         // empty when the engine isn't local
  std::string encoder_preset;    // empty: the encoder's own default
  double seconds = 0;            // all of RunClip()
  double planning_seconds = 0;   // of which: until the prediction was made
  double predicted_seconds = 0;  // before the start, planning included; 0: no prediction
  double deadline_seconds = 0;   // 0: there was none
  int64_t bytes_max = 0;         // the task's limit; 0: none
  bool encoded_again = false;    // the first encoding was above the limit
};

// How far the prediction was off, of the time of the work after planning; positive: more was
// predicted than it took. 0 without a prediction.
double PredictionError(const ClipReport& report);
// "predicted 8.76 s, off by 6.0 %"; empty without a prediction.
std::string PredictionText(const ClipReport& report);

// Blocks until the answer is complete under its name; nothing is left under it otherwise. Several
// calls may run at once (each with its own engine).
// Errors: those of ApplyPreset, CreateModelUpscaler and RunPipeline; ResourceExhausted (the answer
// can't be made as small as the task demands); DeadlineExceeded (see LatePolicy; says how long it
// would take); Cancelled.
Result<ClipReport> RunClip(const ClipJob& job, const ClipEvents& events = {},
                           const CancelToken& cancel = {});

}  // namespace octoscale
