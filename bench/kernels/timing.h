// Timing that a busy machine disturbs little: the processor time of the thread, which does not run
// while another program has the core, and many short runs, of which the fastest counts.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/process_usage.h"

namespace octoscale::bench {

constexpr int kRunsMin = 3;

inline double WallSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Seconds of the fastest run of `work` among those that fit into `seconds_total`, at least three.
template <typename Work>
double FastestSeconds(double seconds_total, Work&& work) {
  const double begin = WallSeconds();
  double fastest = 1e9;
  for (int run = 0; run < kRunsMin || WallSeconds() - begin < seconds_total; ++run) {
    const double start = ThreadCpuSeconds();
    work();
    fastest = std::min(fastest, ThreadCpuSeconds() - start);
  }
  return fastest;
}

}  // namespace octoscale::bench
