#include "base/sync.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace octoscale {

Status SyncPath(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, path);
  const int error = fsync(fd) == 0 ? 0 : errno;
  close(fd);
  // Some file systems can't sync directories; that is not the file's fault.
  if (error != 0 && error != EINVAL) return ErrnoStatus(error, path);
  return OkStatus();
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status SyncDirectoryOf(const std::string& path) {
  return SyncPath(DirectoryOf(path), O_RDONLY | O_DIRECTORY);
}

}  // namespace octoscale
