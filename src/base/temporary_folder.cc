#include "base/temporary_folder.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>

namespace octoscale {

namespace fs = std::filesystem;

TemporaryFolder::TemporaryFolder(fs::path path) : path_(std::move(path)) {}
TemporaryFolder::TemporaryFolder(TemporaryFolder&& other) noexcept
    : path_(std::exchange(other.path_, {})) {}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

Result<TemporaryFolder> TemporaryFolder::Create() {
  std::error_code error;
  const fs::path parent = fs::temp_directory_path(error);
  if (error) return ErrnoStatus(error.value(), "the folder for temporary files");
  std::string name = (parent / "octoscale-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) return ErrnoStatus(errno, name);
  return TemporaryFolder(name);
}

}  // namespace octoscale
