#include "planner/arrival_watch.h"

#include <algorithm>

namespace octoscale {
namespace {

// A job that was late counts as timely again only with some time in hand: no flutter.
constexpr double kTimelyShare = 0.95;

}  // namespace

ArrivalWatch::ArrivalWatch(const Options& options)
    : options_(options), outlook_seconds_(options.predicted_seconds) {
  options_.batch_frames = std::max(1, options.batch_frames);
  late_ = options.deadline_seconds > 0 && outlook_seconds_ > options.deadline_seconds;
}

ArrivalWatch::Change ArrivalWatch::Update(double seconds, int64_t frames_done, int64_t frames_total,
                                          double fps) {
  const bool batch_ends = frames_done % options_.batch_frames == 0 || frames_done == frames_total;
  if (!batch_ends || frames_done < 2 * options_.batch_frames || fps <= 0) return Change::kNone;
  const double left = static_cast<double>(std::max<int64_t>(0, frames_total - frames_done)) / fps;
  outlook_seconds_ = seconds + left + options_.tail_seconds;
  if (options_.deadline_seconds <= 0) return Change::kNone;
  if (!late_ && outlook_seconds_ > options_.deadline_seconds) {
    late_ = true;
    return Change::kBecameLate;
  }
  if (late_ && outlook_seconds_ < options_.deadline_seconds * kTimelyShare) {
    late_ = false;
    return Change::kBecameTimely;
  }
  return Change::kNone;
}

}  // namespace octoscale
