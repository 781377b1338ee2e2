#include "planner/stopwatch.h"

#include <chrono>

#include "base/process_usage.h"

namespace octoscale {

Times Now() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return {ProcessCpuSeconds(), std::chrono::duration<double>(now).count()};
}

}  // namespace octoscale
