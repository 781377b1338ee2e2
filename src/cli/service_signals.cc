#include "cli/service_signals.h"

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "cli/exit_code.h"

namespace octoscale {
namespace {

sigset_t StopSet(bool with_wakeup) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  if (with_wakeup) sigaddset(&set, SIGUSR2);
  return set;
}

void ExitNow(int) { _exit(kExitInterrupted); }

}  // namespace

StopSignals::StopSignals() {
  const sigset_t set = StopSet(true);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

bool StopSignals::Wait() {
  const sigset_t set = StopSet(true);
  int signal = 0;
  while (!raised_ && (sigwait(&set, &signal) != 0 || (signal == SIGUSR2 && !raised_))) {
  }
  const bool asked = signal == SIGTERM || signal == SIGINT || signal == SIGHUP;
  struct sigaction action = {};
  action.sa_handler = ExitNow;
  for (const int stop : {SIGTERM, SIGINT, SIGHUP}) sigaction(stop, &action, nullptr);
  const sigset_t stops = StopSet(false);
  pthread_sigmask(SIG_UNBLOCK, &stops, nullptr);
  return asked;
}

void StopSignals::Raise() {
  raised_ = true;
  kill(getpid(), SIGUSR2);
}

void NotifyServiceManager(const char* state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const size_t length = std::strlen(path);
  if (length >= sizeof(address.sun_path)) return;
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // abstract name space
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  sendto(fd, state, std::strlen(state), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&address),
         static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length));
  close(fd);
}

}  // namespace octoscale
