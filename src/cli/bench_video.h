// The whole way of a video measured beside the engine alone.
#pragma once

#include <string>

#include "base/cancel.h"
#include "base/status.h"
#include "engine/engine_speed.h"
#include "engine/engine_upscaler.h"
#include "pipeline/pipeline.h"

namespace octoscale {

struct VideoSpeed {
  FrameSize input_size;
  PipelineReport report;
  EngineSpeed engine;  // on the first frames of the same video
};

// Upscales `input` into a temporary file, which is removed, and runs the engine alone on the first
// frames of `input` for half of `seconds_min` before and after, since machines get slower and
// faster.
Result<VideoSpeed> BenchVideo(const std::string& input, EngineUpscaler& upscaler,
                              const PipelineOptions& options, double seconds_min,
                              const CancelToken& cancel);

}  // namespace octoscale
