// How fast an engine is on given frames.
#pragma once

#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "engine/engine.h"

namespace octoscale {

struct EngineSpeed {
  int64_t frames = 0;
  double seconds = 0;      // wall time
  double cpu_seconds = 0;  // of the whole process, all threads
  double fps = 0;
  double effective_gflops = 0;  // work counted as direct convolution
};

// Runs batches of `frames` (all of one size), one batch to warm up and then until `seconds_min`
// have passed and at least one batch is done. 8-bit pixels in to 8-bit pixels out.
Result<EngineSpeed> MeasureEngine(Engine& engine, const std::vector<Frame>& frames,
                                  double seconds_min, const CancelToken& cancel);

}  // namespace octoscale
