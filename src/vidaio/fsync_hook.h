// For tests: sees every fsync() of the process, and may throw in its place.
#pragma once

#include <functional>

namespace octoscale {

// Called with the descriptor, from several threads. Lives as long as the test's hook is wanted.
class FsyncHook {
 public:
  explicit FsyncHook(std::function<void(int descriptor)> call);
  ~FsyncHook();
  FsyncHook(const FsyncHook&) = delete;
  FsyncHook& operator=(const FsyncHook&) = delete;
};

}  // namespace octoscale
