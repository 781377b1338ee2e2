#include "engine/engine_speed.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <span>

#include "base/process_usage.h"

namespace octoscale {

Result<EngineSpeed> MeasureEngine(Engine& engine, const std::vector<Frame>& frames,
                                  double seconds_min, const CancelToken& cancel) {
  using Clock = std::chrono::steady_clock;
  const size_t batch = static_cast<size_t>(engine.options().batch_size);
  const auto nth_batch = [&](size_t n) {
    const size_t batches = (frames.size() + batch - 1) / batch;
    const size_t first = n % batches * batch;
    return std::span(frames).subspan(first, std::min(batch, frames.size() - first));
  };
  OCTO_RETURN_IF_ERROR(engine.PredictBatch(nth_batch(0), cancel).status());
  EngineSpeed speed;
  const Clock::time_point start = Clock::now();
  const double cpu_start = ProcessCpuSeconds();
  for (size_t n = 0; n == 0 || speed.seconds < seconds_min; ++n) {
    OCTO_RETURN_IF_ERROR(engine.PredictBatch(nth_batch(n), cancel).status());
    speed.frames += static_cast<int64_t>(nth_batch(n).size());
    speed.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  }
  speed.cpu_seconds = ProcessCpuSeconds() - cpu_start;
  speed.fps = static_cast<double>(speed.frames) / speed.seconds;
  speed.effective_gflops = speed.fps * engine.FlopsPerFrame(frames[0].size()) / 1e9;
  return speed;
}

}  // namespace octoscale
