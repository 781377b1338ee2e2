// Which requests get in: a bound on frames and bytes of the whole worker and of each caller,
// decided before a body is read.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "worker/byte_budget.h"

namespace octoscale::worker {

enum class Refusal { kNone, kQueueFull, kCallerQuota, kMemory };
const char* RefusalName(Refusal refusal);  // for metrics: "queue_full", ...

// Frames and bytes in use. Thread-safe; outlives its grants.
class Admission {
 public:
  struct Limits {
    int frames_max = 128;
    int caller_frames_max = 0;  // 0: none of its own
    uint64_t bytes_max = 2ull << 30;
  };

  // What one request has been granted; given back at the end. Not thread-safe itself.
  class Grant {
   public:
    ~Grant();
    Grant(const Grant&) = delete;
    Grant& operator=(const Grant&) = delete;

    // More or fewer frames than were granted so far.
    Refusal SetFrames(int frames);
    // Frames whose results exist no longer wait: they leave the queue's count.
    void FramesDone(int frames);
    Refusal GrowBytes(uint64_t bytes);
    void ShrinkBytes(uint64_t bytes) { bytes_.Shrink(bytes); }
    // Gives back all but `bytes`.
    void KeepBytes(uint64_t bytes) {
      bytes_.Shrink(bytes_.bytes() - std::min(bytes, bytes_.bytes()));
    }

   private:
    friend class Admission;
    Grant(Admission* admission, std::string caller)
        : admission_(admission), caller_(std::move(caller)) {}
    Admission* const admission_;
    const std::string caller_;
    int frames_ = 0;
    ByteHold bytes_;
  };

  explicit Admission(const Limits& limits)
      : limits_(limits), budget_(std::make_shared<ByteBudget>(limits.bytes_max)) {}

  // `estimate`: frames the request probably has; corrected by SetFrames() once they are known.
  // A request that is larger than what is ever allowed is the caller's to refuse beforehand.
  struct Answer {
    std::unique_ptr<Grant> grant;  // null when refused
    Refusal refusal = Refusal::kNone;
  };
  Answer Enter(const std::string& caller, int estimate, uint64_t bytes);

  int frames() const;
  uint64_t bytes() const { return budget_->used(); }

 private:
  Refusal Change(const std::string& caller, int frames);

  const Limits limits_;
  const std::shared_ptr<ByteBudget> budget_;
  mutable std::mutex mutex_;
  int frames_ = 0;
  std::map<std::string, int> callers_;
};

}  // namespace octoscale::worker
