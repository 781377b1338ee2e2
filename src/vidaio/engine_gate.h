// Lets one clip compute at a time, in the order of arrival.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "base/cancel.h"
#include "base/status.h"

namespace octoscale {

// Thread-safe. One clip with all cores ends sooner than two with half of them each, and its time
// can be predicted; transfers of other clips go on meanwhile.
class EngineGate {
 public:
  // Opens the gate again when it goes.
  class Pass {
   public:
    explicit Pass(EngineGate* gate) : gate_(gate) {}
    Pass(Pass&& other) noexcept : gate_(other.gate_) { other.gate_ = nullptr; }
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (gate_ != nullptr) gate_->Leave();
    }

   private:
    EngineGate* gate_;
  };

  // Blocks until it is this caller's turn. Errors: those of cancel.
  Result<Pass> Enter(const CancelToken& cancel);

 private:
  void Leave();

  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t next_ticket_ = 0;
  uint64_t now_ = 0;  // the ticket that may compute
};

}  // namespace octoscale
