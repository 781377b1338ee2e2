// A folder for temporary files, removed with what is in it.
#pragma once

#include <filesystem>

#include "base/status.h"

namespace octoscale {

class TemporaryFolder {
 public:
  // In the system's folder for temporary files. Errors: IoError, ResourceExhausted.
  static Result<TemporaryFolder> Create();
  TemporaryFolder(TemporaryFolder&& other) noexcept;
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  ~TemporaryFolder();

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::filesystem::path path);
  std::filesystem::path path_;
};

}  // namespace octoscale
