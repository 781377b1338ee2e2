// How a service is told to stop, and how it tells systemd what it does.
#pragma once

#include <atomic>
#include <thread>

namespace octoscale {

// SIGTERM, SIGINT and SIGHUP as events. To be made before any other thread, so that all inherit the
// blocked signals. The first one ends Wait(); any later one ends the process at once with exit code
// 130.
class StopSignals {
 public:
  StopSignals();

  // Blocks until a signal comes or Raise() is called. True for a signal.
  bool Wait();
  // Ends Wait() from another thread.
  void Raise();

 private:
  std::atomic<bool> raised_{false};
};

// Sends a state such as "READY=1" to the service manager, if there is one (sd_notify's protocol:
// a datagram to $NOTIFY_SOCKET).
void NotifyServiceManager(const char* state);

}  // namespace octoscale
