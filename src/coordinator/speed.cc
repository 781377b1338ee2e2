#include "coordinator/speed.h"

#include <algorithm>

namespace octoscale::coordinator {
namespace {

constexpr double kNewest = 0.3;  // weight of the newest batch
constexpr size_t kBatchesKept = 128;
constexpr size_t kBatchesNeeded = 8;
constexpr double kPercentile = 0.95;
// Ordinary scatter around the percentile is no reason for a second worker.
constexpr double kSlack = 1.5;
constexpr double kLateMinSeconds = 0.1;

}  // namespace

void SpeedEstimate::Add(int frames, double seconds) {
  const double now = std::max(seconds, 1e-6) / frames;
  seconds_per_frame_ = known() ? kNewest * now + (1 - kNewest) * seconds_per_frame_ : now;
}

void SpeedEstimate::Forget() { seconds_per_frame_ /= 2; }

void HedgePolicy::Finished(double seconds, int queued_frames) {
  const double per_frame = seconds / queued_frames;
  if (seconds_per_frame_.size() < kBatchesKept) {
    seconds_per_frame_.push_back(per_frame);
  } else {
    seconds_per_frame_[next_] = per_frame;
    next_ = (next_ + 1) % kBatchesKept;
  }
  std::vector<double> sorted = seconds_per_frame_;
  const auto at =
      sorted.begin() + static_cast<ptrdiff_t>(kPercentile * static_cast<double>(sorted.size() - 1));
  std::nth_element(sorted.begin(), at, sorted.end());
  percentile_ = *at;
}

std::optional<double> HedgePolicy::LateAfter(int queued_frames) const {
  if (seconds_per_frame_.size() < kBatchesNeeded) return std::nullopt;
  return std::max(kSlack * percentile_ * queued_frames, kLateMinSeconds);
}

}  // namespace octoscale::coordinator
