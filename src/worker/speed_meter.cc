#include "worker/speed_meter.h"

#include <algorithm>
#include <cmath>

namespace octoscale::worker {
namespace {

constexpr std::chrono::seconds kRateWindow{10};
constexpr std::chrono::seconds kSpeedWindow{60};
constexpr size_t kBatchesMax = 10'000;
constexpr int kRetryAfterMax = 30;

}  // namespace

void SpeedMeter::Add(double frames, double seconds, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  batches_.push_back({now, frames, seconds});
  if (batches_.size() > kBatchesMax) batches_.pop_front();
  Forget(now);
}

// Requires the lock.
void SpeedMeter::Forget(Clock::time_point now) {
  while (!batches_.empty() && now - batches_.front().end > kSpeedWindow) batches_.pop_front();
}

double SpeedMeter::FramesPerSecond(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  double frames = 0;
  for (const Batch& batch : batches_) {
    if (now - batch.end <= kRateWindow) frames += batch.frames;
  }
  return frames / std::chrono::duration<double>(kRateWindow).count();
}

double SpeedMeter::FramesPerBusySecond(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  Forget(now);
  double frames = 0;
  double seconds = 0;
  for (const Batch& batch : batches_) {
    frames += batch.frames;
    seconds += batch.seconds;
  }
  return seconds > 0 ? frames / seconds : 0;
}

int RetryAfterSeconds(int frames, double frames_per_second) {
  if (frames_per_second <= 0) return 1;
  const double seconds = std::ceil(frames / frames_per_second / 4);
  return static_cast<int>(std::clamp(seconds, 1.0, double{kRetryAfterMax}));
}

}  // namespace octoscale::worker
