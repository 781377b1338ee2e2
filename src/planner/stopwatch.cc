#include "planner/stopwatch.h"

#include <chrono>
#include <ctime>

#include "engine/engine_speed.h"

namespace octoscale {

Times Now() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return {ProcessCpuSeconds(), std::chrono::duration<double>(now).count()};
}

double ThreadCpuSeconds() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

}  // namespace octoscale
