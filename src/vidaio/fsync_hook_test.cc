#include "vidaio/fsync_hook.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <memory>
#include <mutex>
#include <utility>

namespace octoscale {
namespace {

using Call = std::function<void(int)>;

std::mutex g_mutex;
std::shared_ptr<const Call> g_call;

std::shared_ptr<const Call> SetCall(std::shared_ptr<const Call> call) {
  const std::lock_guard lock(g_mutex);
  return std::exchange(g_call, std::move(call));
}

std::shared_ptr<const Call> GetCall() {
  const std::lock_guard lock(g_mutex);
  return g_call;
}

}  // namespace

FsyncHook::FsyncHook(Call call) { SetCall(std::make_shared<const Call>(std::move(call))); }
FsyncHook::~FsyncHook() { SetCall(nullptr); }

}  // namespace octoscale

// In place of the C library's.
extern "C" int fsync(int descriptor) {
  if (const auto call = octoscale::GetCall()) (*call)(descriptor);
  return static_cast<int>(syscall(SYS_fsync, descriptor));
}
