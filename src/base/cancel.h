// Cooperative cancellation: one side cancels or sets a deadline, the other asks between tiles.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>

#include "base/status.h"

namespace octoscale {

// Copies share one state. Thread-safe; Cancel() is also safe in a signal handler.
class CancelToken {
 public:
  using Clock = std::chrono::steady_clock;

  CancelToken() : state_(std::make_shared<State>()) {}

  void Cancel() const { state_->cancelled.store(true, std::memory_order_relaxed); }
  void SetDeadline(Clock::time_point deadline) const {
    state_->deadline_ticks.store(deadline.time_since_epoch().count(), std::memory_order_relaxed);
  }

  bool stopped() const { return state_->cancelled.load(std::memory_order_relaxed) || late(); }

  // Ok, Cancelled or DeadlineExceeded.
  Status Check() const {
    if (state_->cancelled.load(std::memory_order_relaxed)) return Cancelled("stopped on request");
    if (late()) return DeadlineExceeded("the deadline passed before the work was done");
    return OkStatus();
  }

 private:
  struct State {
    std::atomic<bool> cancelled{false};
    std::atomic<Clock::rep> deadline_ticks{0};
  };

  bool late() const {
    const auto ticks = state_->deadline_ticks.load(std::memory_order_relaxed);
    return ticks != 0 && Clock::now().time_since_epoch().count() >= ticks;
  }

  std::shared_ptr<State> state_;
};

}  // namespace octoscale
