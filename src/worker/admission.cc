#include "worker/admission.h"

#include <utility>

namespace octoscale::worker {

const char* RefusalName(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone:
      return "none";
    case Refusal::kQueueFull:
      return "queue_full";
    case Refusal::kCallerQuota:
      return "caller_quota";
    case Refusal::kMemory:
      return "memory";
  }
  return "none";
}

Admission::Answer Admission::Enter(const std::string& caller, int estimate, uint64_t bytes) {
  Answer answer;
  if (!budget_->TryTake(bytes)) {
    answer.refusal = Refusal::kMemory;
    return answer;
  }
  std::unique_ptr<Grant> grant(new Grant(this, caller));
  grant->bytes_ = ByteHold(budget_, bytes);
  answer.refusal = grant->SetFrames(estimate);
  if (answer.refusal == Refusal::kNone) answer.grant = std::move(grant);
  return answer;
}

Refusal Admission::Change(const std::string& caller, int frames) {
  const std::lock_guard lock(mutex_);
  if (frames > 0) {
    if (frames_ + frames > limits_.frames_max) return Refusal::kQueueFull;
    const auto it = callers_.find(caller);
    const int of_caller = it == callers_.end() ? 0 : it->second;
    if (limits_.caller_frames_max > 0 && of_caller + frames > limits_.caller_frames_max) {
      return Refusal::kCallerQuota;
    }
  }
  frames_ += frames;
  int& of_caller = callers_[caller];
  of_caller += frames;
  if (of_caller == 0) callers_.erase(caller);
  return Refusal::kNone;
}

int Admission::frames() const {
  const std::lock_guard lock(mutex_);
  return frames_;
}

Admission::Grant::~Grant() { static_cast<void>(admission_->Change(caller_, -frames_)); }

Refusal Admission::Grant::SetFrames(int frames) {
  const Refusal refusal = admission_->Change(caller_, frames - frames_);
  if (refusal == Refusal::kNone) frames_ = frames;
  return refusal;
}

void Admission::Grant::FramesDone(int frames) {
  static_cast<void>(SetFrames(std::max(0, frames_ - frames)));
}

Refusal Admission::Grant::GrowBytes(uint64_t bytes) {
  return bytes_.TryGrow(bytes) ? Refusal::kNone : Refusal::kMemory;
}

}  // namespace octoscale::worker
