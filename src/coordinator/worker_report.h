// What is told about each worker, during a run and at its end.
#pragma once

#include <cstdint>
#include <string>

namespace octoscale::coordinator {

struct WorkerReport {
  std::string name;         // its URL, or "worker 3" for a local one
  std::string state;        // "up", "down", "joining", "refused"
  std::string reason;       // why it isn't up
  int64_t batches = 0;      // taken from it
  int64_t frames = 0;       // in those
  double busy_seconds = 0;  // that it computed for those
  int64_t retries = 0;      // batches that it failed at and that were sent again
  int64_t hedges = 0;       // batches sent to it because another worker was late

  double fps() const { return busy_seconds > 0 ? static_cast<double>(frames) / busy_seconds : 0; }
};

}  // namespace octoscale::coordinator
