// What a pipeline tells its caller while it runs, from several threads but one call at a time.
#pragma once

#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace octoscale {

template <typename Progress>
class Callbacks {
 public:
  Callbacks(const std::function<void(const Progress&)>& on_progress,
            const std::function<void(const std::string&)>& on_warning)
      : on_progress_(on_progress), on_warning_(on_warning) {}

  bool wants_progress() const { return static_cast<bool>(on_progress_); }
  void Tell(const Progress& progress) {
    const std::lock_guard lock(mutex_);
    on_progress_(progress);
  }
  // Each text once.
  void Warn(const std::vector<std::string>& warnings) {
    if (!on_warning_) return;
    const std::lock_guard lock(mutex_);
    for (const std::string& warning : warnings) {
      if (told_.insert(warning).second) on_warning_(warning);
    }
  }

 private:
  const std::function<void(const Progress&)>& on_progress_;
  const std::function<void(const std::string&)>& on_warning_;
  std::mutex mutex_;
  std::set<std::string> told_;
};

}  // namespace octoscale
