#include "coordinator/backoff.h"

#include <algorithm>
#include <random>

namespace octoscale::coordinator {
namespace {

constexpr std::chrono::milliseconds kRetryDelayMin{50};
constexpr int kRetryDoublingsMax = 5;
constexpr std::chrono::milliseconds kProbeDelayMin{250};
constexpr int kProbeDoublingsMax = 4;

}  // namespace

std::chrono::nanoseconds FullJitter(std::chrono::nanoseconds most) {
  static thread_local std::mt19937_64 engine{std::random_device{}()};
  using Count = std::chrono::nanoseconds::rep;
  std::uniform_int_distribution<Count> wait(0, std::max<Count>(most.count(), 0));
  return std::chrono::nanoseconds(wait(engine));
}

std::chrono::nanoseconds RetryDelayMax(int failures) {
  return kRetryDelayMin * (1 << std::clamp(failures, 0, kRetryDoublingsMax));
}

std::chrono::nanoseconds ProbeDelay(int downs) {
  const std::chrono::nanoseconds most =
      kProbeDelayMin * (1 << std::clamp(downs, 0, kProbeDoublingsMax));
  return most / 2 + FullJitter(most / 2);
}

}  // namespace octoscale::coordinator
