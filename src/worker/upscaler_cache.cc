#include "worker/upscaler_cache.h"

#include <algorithm>
#include <utility>

#include "base/guarded.h"

namespace octoscale::worker {

const ServedModel* FindModel(const std::vector<ServedModel>& models, const std::string& name) {
  std::string wanted = name;
  for (char& c : wanted) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    if (c == '_') c = '-';
  }
  for (const ServedModel& model : models) {
    if (model.name == wanted ||
        std::find(model.aliases.begin(), model.aliases.end(), wanted) != model.aliases.end()) {
      return &model;
    }
  }
  return nullptr;
}

UpscalerCache::UpscalerCache(std::shared_ptr<UpscalerProvider> provider, int upscalers_max,
                             std::function<void(const std::string&)> log_failure)
    : provider_(std::move(provider)),
      upscalers_max_(static_cast<size_t>(upscalers_max)),
      log_failure_(std::move(log_failure)) {}

Result<std::shared_ptr<FrameUpscaler>> UpscalerCache::Get(const UpscalerKey& key) {
  {
    std::unique_lock lock(mutex_);
    made_.wait(lock, [&] {
      const auto it = entries_.find(key);
      return it == entries_.end() || it->second.upscaler != nullptr;
    });
    const auto it = entries_.find(key);
    if (it != entries_.end()) {
      it->second.last_use = ++uses_;
      return it->second.upscaler;
    }
    if (entries_.size() >= upscalers_max_) EvictOne();
    entries_[key].last_use = ++uses_;
  }
  auto made = Guarded("load the model", [&] { return MakeAndKeep(key); });
  const std::lock_guard lock(mutex_);
  if (!made.ok()) entries_.erase(key);  // those who wait for it try for themselves
  made_.notify_all();
  return made;
}

Result<std::shared_ptr<FrameUpscaler>> UpscalerCache::GetForRequest(const UpscalerKey& key) {
  auto upscaler = Get(key);
  if (upscaler.ok()) return upscaler;
  const Status status = upscaler.status();
  const std::string what = key.model + " x" + std::to_string(key.scale);
  if (log_failure_) log_failure_("loading " + what + ": " + status.message());
  if (status.code() == StatusCode::kResourceExhausted) {
    return ResourceExhausted("this worker has not enough memory to load " + what);
  }
  return Internal("this worker could not load " + what + "; its log says why");
}

Result<std::shared_ptr<FrameUpscaler>> UpscalerCache::MakeAndKeep(const UpscalerKey& key) {
  OCTO_ASSIGN_OR_RETURN(std::shared_ptr<FrameUpscaler> made, provider_->Make(key));
  const std::lock_guard lock(mutex_);
  fingerprints_[{key.model, key.scale}] = made->info().fingerprint;
  entries_.at(key).upscaler = made;
  return made;
}

// Upscalers that still run a batch live on until it is done.
void UpscalerCache::EvictOne() {
  auto oldest = entries_.end();
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    if (!it->second.upscaler) continue;
    if (oldest == entries_.end() || it->second.last_use < oldest->second.last_use) oldest = it;
  }
  if (oldest != entries_.end()) entries_.erase(oldest);
}

std::optional<std::string> UpscalerCache::Fingerprint(const std::string& model, int scale) const {
  const std::lock_guard lock(mutex_);
  const auto it = fingerprints_.find({model, scale});
  if (it == fingerprints_.end()) return std::nullopt;
  return it->second;
}

}  // namespace octoscale::worker
