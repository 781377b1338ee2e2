#include "cli/interrupt.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <string_view>

#include "cli/exit_code.h"

namespace octoscale {
namespace {

// Set once, before the handlers are installed; never destroyed, since a signal may come late.
const CancelToken* g_token = nullptr;
std::atomic<int> g_signals{0};
std::atomic<int> g_exit_code{kExitInterrupted};
std::atomic<void (*)()> g_hook{nullptr};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler uses it");

void OnSignal(int) {
  if (g_signals.fetch_add(1) > 0) {
    if (void (*hook)() = g_hook.load()) hook();
    _exit(g_exit_code.load());
  }
  g_token->Cancel();
  constexpr std::string_view kText = "\noctoscale: stopping; once more to stop at once\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kText.data(), kText.size());
}

}  // namespace

void SetForcedExit(int exit_code, void (*hook)()) {
  g_exit_code = exit_code;
  g_hook = hook;
}

const CancelToken& InterruptToken() {
  static const CancelToken& token = []() -> const CancelToken& {
    g_token = new CancelToken;
    struct sigaction action = {};
    action.sa_handler = OnSignal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
      struct sigaction old = {};
      // A signal that the parent had ignored, as nohup does, stays ignored.
      if (sigaction(signal, nullptr, &old) == 0 && old.sa_handler == SIG_IGN) continue;
      sigaction(signal, &action, nullptr);
    }
    return *g_token;
  }();
  return token;
}

}  // namespace octoscale
