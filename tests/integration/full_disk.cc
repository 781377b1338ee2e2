// Loaded with LD_PRELOAD: every write to a regular file fails as on a full disk.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>

namespace {

bool IsRegularFile(int descriptor) {
  struct stat info = {};
  return fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode);
}

}  // namespace

extern "C" ssize_t write(int descriptor, const void* data, size_t size) {
  if (IsRegularFile(descriptor)) {
    errno = ENOSPC;
    return -1;
  }
  return syscall(SYS_write, descriptor, data, size);
}
