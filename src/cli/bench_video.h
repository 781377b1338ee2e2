// The whole way of a video measured beside the engine alone.
#pragma once

#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "engine/engine_speed.h"
#include "engine/engine_upscaler.h"
#include "pipeline/pipeline.h"

namespace octoscale {

struct VideoSpeed {
  FrameSize input_size;
  PipelineReport report;
  EngineSpeed engine;      // on frames from all over the same video
  double cpu_seconds = 0;  // of the whole process, while the video was made
  // What share of the engine's speed the CPU time of all parts together allows: the engine's CPU
  // time for a frame over that of the whole.
  double attainable_ratio = 0;
  // Resident memory when a quarter, half, three quarters and all of the frames were done, in MiB.
  // Empty when nobody knows the number of frames beforehand.
  std::vector<double> rss_mib;
};

// Upscales `input` into a temporary file, which is removed, and runs the engine alone on frames
// from all over `input` for half of `seconds_min` before and after, since machines get slower and
// faster.
Result<VideoSpeed> BenchVideo(const std::string& input, EngineUpscaler& upscaler,
                              const PipelineOptions& options, double seconds_min,
                              const CancelToken& cancel);

}  // namespace octoscale
