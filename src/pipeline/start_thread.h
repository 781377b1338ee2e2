// Threads whose start may fail: a limit on processes, no room for a stack.
#pragma once

#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/status.h"

namespace octoscale {

// ResourceExhausted when the system starts no more threads.
template <typename Body>
Result<std::thread> StartThread(Body&& body) {
  try {
    return std::thread(std::forward<Body>(body));
  } catch (const std::system_error& e) {
    return ResourceExhausted("can't start a thread (" + e.code().message() +
                             "); raise the limit on processes (ulimit -u, or the container's "
                             "pids), or use fewer workers and threads");
  }
}

}  // namespace octoscale
