// Keeps the upscalers in use, up to a number; the one unused for longest goes first.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "worker/upscaler_provider.h"

namespace octoscale::worker {

// Thread-safe.
class UpscalerCache {
 public:
  // `log_failure` gets a line for each failure of GetForRequest(); may be empty.
  UpscalerCache(std::shared_ptr<UpscalerProvider> provider, int upscalers_max,
                std::function<void(const std::string& line)> log_failure = {});

  // Makes the upscaler when it isn't there; two callers never make the same one twice.
  // Errors: those of UpscalerProvider::Make; what it throws is ResourceExhausted or Internal. A
  // failure is not kept.
  Result<std::shared_ptr<FrameUpscaler>> Get(const UpscalerKey& key);
  // Get() for somebody else's request. A failure is never the caller's: Internal, or
  // ResourceExhausted for want of memory. The message names no file of this machine; the log does.
  Result<std::shared_ptr<FrameUpscaler>> GetForRequest(const UpscalerKey& key);

  // Fingerprint of any loaded upscaler of this model and scale.
  std::optional<std::string> Fingerprint(const std::string& model, int scale) const;

  UpscalerProvider& provider() const { return *provider_; }

 private:
  struct Entry {
    std::shared_ptr<FrameUpscaler> upscaler;  // null while being made
    uint64_t last_use = 0;
  };
  Result<std::shared_ptr<FrameUpscaler>> MakeAndKeep(const UpscalerKey& key);
  void EvictOne();

  const std::shared_ptr<UpscalerProvider> provider_;
  const size_t upscalers_max_;
  const std::function<void(const std::string&)> log_failure_;
  mutable std::mutex mutex_;
  std::condition_variable made_;
  std::map<UpscalerKey, Entry> entries_;
  std::map<std::pair<std::string, int>, std::string> fingerprints_;
  uint64_t uses_ = 0;
};

}  // namespace octoscale::worker
