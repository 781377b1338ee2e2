// Fetches a package's tarball with the npm program, so that the user's own registry, proxy and
// login settings hold.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>

#include "base/cancel.h"
#include "base/status.h"
#include "models/manifest.h"

namespace octoscale {

struct NpmFetchOptions {
  // Private and empty; the tarball and npm's cache for it are written there.
  std::filesystem::path work_directory;
  // Called about five times a second, with the bytes fetched so far.
  std::function<void(uint64_t bytes_done)> on_progress;
  // No byte for this long: npm is stopped.
  std::chrono::seconds stall_max{180};
  CancelToken cancel;
};

// Runs `npm pack NAME@VERSION` and returns the tarball's path. Errors: Unsupported (npm is not
// installed; names the Debian package), Unavailable (npm failed; with its last lines),
// ResourceExhausted (disk full), Cancelled, DeadlineExceeded (stalled). npm and all it started
// have ended when this returns.
Result<std::filesystem::path> FetchNpmTarball(const NpmPackage& package,
                                              const NpmFetchOptions& options);

}  // namespace octoscale
