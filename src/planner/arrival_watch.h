// Looks at a running job and says when it will arrive.
#pragma once

#include <cstdint>

namespace octoscale {

// Not thread-safe.
class ArrivalWatch {
 public:
  struct Options {
    double deadline_seconds = 0;   // from the start of the job; 0: none
    double predicted_seconds = 0;  // of the whole job, before it began
    double tail_seconds = 0;       // what follows the last frame: the encoder's rest, the file
    int batch_frames = 8;
  };
  enum class Change { kNone, kBecameLate, kBecameTimely };

  explicit ArrivalWatch(const Options& options);

  // After each written frame. `seconds`: since the start of the job; `fps`: of the frames so far.
  // Frames come in batches, so the outlook changes only at their ends, from the second on.
  Change Update(double seconds, int64_t frames_done, int64_t frames_total, double fps);

  // From the start to the complete file, as it looks now.
  double outlook_seconds() const { return outlook_seconds_; }
  bool late() const { return late_; }

 private:
  Options options_;
  double outlook_seconds_;
  bool late_;
};

}  // namespace octoscale
