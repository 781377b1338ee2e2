// How fast the worker is, from the batches that it finished lately.
#pragma once

#include <chrono>
#include <deque>
#include <mutex>

namespace octoscale::worker {

// Thread-safe.
class SpeedMeter {
 public:
  using Clock = std::chrono::steady_clock;

  // A batch is done: so many frames in so many seconds of computing.
  void Add(double frames, double seconds, Clock::time_point now = Clock::now());

  // Frames done per second over the last ten seconds, idle time included.
  double FramesPerSecond(Clock::time_point now = Clock::now());
  // Frames per second of computing over the batches of the last minute: what a full queue can
  // expect, however long the worker idled before. 0 when there were none.
  double FramesPerBusySecond(Clock::time_point now = Clock::now());

 private:
  struct Batch {
    Clock::time_point end;
    double frames;
    double seconds;
  };
  void Forget(Clock::time_point now);

  std::mutex mutex_;
  std::deque<Batch> batches_;  // of the last minute
};

// When a caller should come back: a quarter of `frames` in the queue is gone by then, so there is
// still work when it does. 1 to 30 seconds; 1 when the speed is not known (0).
int RetryAfterSeconds(int frames, double frames_per_second);

}  // namespace octoscale::worker
