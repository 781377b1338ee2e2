// Decides which frames are upscaled together and when: full batches at once, single frames and
// tails merged, callers served fairly.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "frame/frame.h"
#include "metrics/metrics.h"
#include "worker/byte_budget.h"
#include "worker/speed_meter.h"
#include "worker/upscaler_cache.h"

namespace octoscale::worker {

// Consecutive frames of one request, at most a batch of them.
struct Ticket {
  UpscalerKey key;
  std::string caller;
  // Tickets of one job (any address) are computed in the order submitted: results that wait for
  // earlier ones would otherwise take the room that those need. Null: no such order.
  const void* job = nullptr;
  std::vector<Frame> frames;
  CancelToken cancel;                                             // of the request
  std::optional<std::chrono::steady_clock::time_point> deadline;  // as set on `cancel`

  struct Output {
    std::vector<Frame> frames;  // frame i belongs to input i
    ByteHold hold;              // for as long as the result is in memory, in whatever form
  };
  // Called once, from a thread of the scheduler; must not block or compute for long.
  std::function<void(Result<Output>)> done;
};

struct SchedulerOptions {
  int batch_frames = 8;
  int executions_max = 1;  // batches handed to upscalers at the same time
  std::chrono::microseconds delay_max{5'000};
  uint64_t output_bytes_max = 2ull << 30;

  // A batch of several frames has no more; tickets are cut to fit.
  uint64_t batch_output_bytes_max() const { return output_bytes_max / 4; }
  // Results of one caller that are not yet sent; one batch may be larger.
  uint64_t caller_output_bytes_max() const { return output_bytes_max / 2; }
  // A batch that finds no room for its results lets others pass for so long. Then none passes for
  // as long, in which all but slow readers make room, and so on.
  std::chrono::milliseconds passing_max{1'000};
};

struct SchedulerMetrics {
  metrics::Counter* frames = nullptr;
  metrics::Counter* executions = nullptr;           // that gave frames
  metrics::Counter* failed_executions = nullptr;    // all others: errors, stopped ones
  metrics::Counter* merged_executions = nullptr;    // of the former, with several requests' frames
  metrics::Histogram* queue_seconds = nullptr;      // one for each ticket
  metrics::Histogram* inference_seconds = nullptr;  // one for each of `executions`
  SpeedMeter* speed = nullptr;
};

struct SchedulerState {
  size_t frames_waiting = 0;
  size_t frames_running = 0;
  std::string running_model;  // of the batch that began last; empty when none runs
  int running_scale = 0;
  std::chrono::milliseconds running_for{0};
};

// Thread-safe.
class BatchScheduler {
 public:
  // Gets upscalers from `cache`, which outlives it. Metrics may be null.
  BatchScheduler(const SchedulerOptions& options, UpscalerCache* cache,
                 const SchedulerMetrics& metrics);
  ~BatchScheduler();  // Stop()

  // Queues it; `done` follows, never inside this call. A ticket whose token stops while it waits is
  // dropped with that error; a running one stops between tiles once nobody wants the batch any
  // more. Unavailable after Stop(): then `done` is not called.
  Status Submit(Ticket ticket);
  // To be called after a token of a submitted ticket was cancelled.
  void Kick();
  // Cancels what runs, answers what waits with Unavailable, joins the threads.
  void Stop();

  SchedulerState state() const;
  const SchedulerOptions& options() const { return options_; }
  uint64_t output_bytes() const { return shared_->output_budget->used(); }

 private:
  using Clock = std::chrono::steady_clock;

  struct Waiting {
    Ticket ticket;
    Clock::time_point since;
    bool alone = false;  // not to be merged: full, of mixed sizes, or part of a failed merge
    bool again = false;  // part of a failed merge
    double pixels = 0;   // of all frames
    uint64_t output_bytes = 0;
    std::optional<Clock::time_point> no_room_since;  // its turn came, but its results did not fit
    ByteHold hold;                                   // of output_bytes, once it is taken
  };
  struct Caller {
    std::deque<Waiting> queue;
    double served = 0;  // virtual time: pixels served, as seen by the fair order
    std::shared_ptr<ByteBudget> output_budget;  // a share of the whole; never null
  };
  struct Place {
    Caller* caller = nullptr;
    size_t index = 0;  // in its queue
    Waiting& waiting() const { return caller->queue[index]; }
  };
  struct Execution {
    std::vector<Waiting> members;
    CancelToken cancel;
    Clock::time_point start;
    Clock::duration computing{0};  // without loading
    size_t frames = 0;
    uint64_t output_bytes = 0;
  };
  // Outlives the scheduler for as long as results are held.
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::shared_ptr<ByteBudget> output_budget;
  };

  void Run();
  std::unique_ptr<Execution> Pick(Clock::time_point now, std::vector<Waiting>* dropped,
                                  Clock::time_point* look_again);
  Caller& CallerNamed(const std::string& name);
  std::vector<Caller*> FairOrder();
  std::optional<Place> LongestWithoutRoom(const std::vector<Caller*>& order, Clock::time_point now,
                                          Clock::time_point* look_again) const;
  std::optional<Place> NextInTurn(const std::vector<Caller*>& order, Clock::time_point now,
                                  Clock::time_point* look_again);
  bool HasRoom(const Place& place) const;
  void DropStopped(std::vector<Waiting>* dropped);
  size_t MergeableFrames(const Waiting& like) const;
  void Take(const Place& place, Execution* execution);
  void Fill(const std::vector<Caller*>& order, Execution* execution);
  void Execute(Execution* execution);
  Result<std::vector<Frame>> Compute(Execution* execution);
  void Count(const Execution& execution, bool good) const;
  void Deliver(Execution* execution, std::vector<Frame> frames);
  void Fail(Execution* execution, const Status& status);
  void CancelUnwanted();
  void Requeue(std::vector<Waiting> members);

  const SchedulerOptions options_;
  UpscalerCache* const cache_;
  const SchedulerMetrics metrics_;
  const std::shared_ptr<Shared> shared_;
  std::map<std::string, Caller> callers_;
  double virtual_time_ = 0;
  std::vector<Execution*> running_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace octoscale::worker
