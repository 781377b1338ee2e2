// What the dispatcher learns from how long batches take: each worker's speed, and when a batch is
// late enough to be sent to a second worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace octoscale::coordinator {

// Seconds that a worker takes per frame, as an exponential mean. Not thread-safe.
class SpeedEstimate {
 public:
  // A batch of `frames` was computed in `seconds`, waiting for earlier ones not counted.
  void Add(int frames, double seconds);
  // What was learnt halves: a worker that was slow and had nothing to do is tried again.
  void Forget();
  bool known() const { return seconds_per_frame_ > 0; }
  double seconds_per_frame() const { return seconds_per_frame_; }

 private:
  double seconds_per_frame_ = 0;
};

// Hedging (Dean and Barroso, "The Tail at Scale", 2013): a batch that is out for much longer than
// the 95th percentile goes to a second worker too, for at most 5 % of all frames. Not thread-safe.
class HedgePolicy {
 public:
  static constexpr double kExtraMax = 0.05;  // of the frames sent
  static constexpr int kFramesFree = 8;      // may be hedged before 5 % are that many

  void Sent(int frames) { sent_ += frames; }
  void Hedged(int frames) { hedged_ += frames; }
  // A batch came back after `seconds`; `queued_frames` of that worker had to be computed for that,
  // its own included.
  void Finished(double seconds, int queued_frames);
  // Seconds after which a batch with that many queued frames is late; nothing while too little is
  // known.
  std::optional<double> LateAfter(int queued_frames) const;
  bool MayHedge(int frames) const {
    return hedged_ + frames <= kFramesFree ||
           static_cast<double>(hedged_ + frames) <= kExtraMax * static_cast<double>(sent_);
  }

 private:
  std::vector<double> seconds_per_frame_;  // of the last batches, a ring
  size_t next_ = 0;
  double percentile_ = 0;
  int64_t sent_ = 0;
  int64_t hedged_ = 0;
};

}  // namespace octoscale::coordinator
