#include "base/file_bytes.h"

#include <sys/stat.h>

#include <cerrno>

namespace octoscale {

Result<int64_t> FileBytes(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, path);
  return int64_t{info.st_size};
}

}  // namespace octoscale
