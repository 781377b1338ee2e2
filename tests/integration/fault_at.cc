// Loaded with LD_PRELOAD: something happens at the FAULT_AT-th call that changes a regular file or
// a directory. FAULT=kill: the process is killed before that call, as if by kill -9. FAULT=full:
// from that call on every write fails as on a full disk.
#include <dlfcn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace {

std::atomic<long> g_calls{0};

long FaultAt() {
  static const long at =
      std::getenv("FAULT_AT") != nullptr ? std::atol(std::getenv("FAULT_AT")) : 0;
  return at;
}

bool FaultIsKill() {
  static const bool kill =
      std::getenv("FAULT") != nullptr && std::strcmp(std::getenv("FAULT"), "kill") == 0;
  return kill;
}

// Counts a call. True when it must fail for want of space.
bool Count() {
  const long call = ++g_calls;
  if (FaultAt() == 0 || call < FaultAt()) return false;
  if (FaultIsKill()) kill(getpid(), SIGKILL);
  return !FaultIsKill();
}

bool IsRegularFile(int descriptor) {
  struct stat info = {};
  return fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode);
}

template <typename Function>
Function* Next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

int Full() {
  errno = ENOSPC;
  return -1;
}

}  // namespace

extern "C" {

ssize_t write(int descriptor, const void* data, size_t size) {
  if (IsRegularFile(descriptor) && Count()) return Full();
  return syscall(SYS_write, descriptor, data, size);
}

int fsync(int descriptor) { return Count() ? Full() : Next<int(int)>("fsync")(descriptor); }
int fdatasync(int descriptor) { return Count() ? Full() : Next<int(int)>("fdatasync")(descriptor); }

int mkdir(const char* path, mode_t mode) noexcept {
  return Count() ? Full() : Next<int(const char*, mode_t)>("mkdir")(path, mode);
}
int rename(const char* from, const char* to) noexcept {
  Count();
  return Next<int(const char*, const char*)>("rename")(from, to);
}
int renameat2(int from_dir, const char* from, int to_dir, const char* to, unsigned flags) noexcept {
  Count();
  return Next<int(int, const char*, int, const char*, unsigned)>("renameat2")(from_dir, from,
                                                                              to_dir, to, flags);
}
int unlink(const char* path) noexcept {
  Count();
  return Next<int(const char*)>("unlink")(path);
}
int rmdir(const char* path) noexcept {
  Count();
  return Next<int(const char*)>("rmdir")(path);
}
int remove(const char* path) noexcept {
  Count();
  return Next<int(const char*)>("remove")(path);
}

}  // extern "C"
