#include "vidaio/engine_gate.h"

namespace octoscale {

Result<EngineGate::Pass> EngineGate::Enter(const CancelToken& cancel) {
  std::unique_lock lock(mutex_);
  const uint64_t ticket = next_ticket_++;
  while (now_ != ticket) changed_.wait(lock);
  Pass pass(this);
  lock.unlock();
  // A cancelled caller still takes its turn, and gives it away at once.
  OCTO_RETURN_IF_ERROR(cancel.Check());
  return pass;
}

void EngineGate::Leave() {
  {
    const std::lock_guard lock(mutex_);
    ++now_;
  }
  changed_.notify_all();
}

}  // namespace octoscale
