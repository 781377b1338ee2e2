// Worker processes on this machine, started, watched and stopped.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace octoscale::coordinator {

struct LocalWorkersOptions {
  int count = 1;
  std::string program;            // path of octoscale
  std::vector<std::string> args;  // after `worker`; --listen and --threads are added
  // Each line of the workers' standard error, "worker 3: ..." in front. From one thread.
  std::function<void(const std::string& line)> on_line;
  // Called from one thread. `worker` counts from 0.
  std::function<void(size_t worker, const std::string& url)> on_listening;
  std::function<void(size_t worker, const std::string& reason, bool for_good)> on_gone;
};

// The cores of one local worker.
struct CoreShare {
  std::vector<int> cores;  // numbers for sched_setaffinity
  int threads = 1;
};

// Divides `cores` in order among `count` workers: equal shares of neighbours when there are enough,
// else one core each, several workers to a core.
std::vector<CoreShare> DivideCores(const std::vector<int>& cores, int count);

// Cores that this process may run on, ascending.
std::vector<int> AllowedCores();

// "worker 1" for number 0.
std::string LocalWorkerName(size_t worker);

// Each worker listens on a free loopback port, keeps to its own cores and is a process group of its
// own. One that ends is started again, until it fails five times in a row before it is ready. All
// end with this object; and, by a parent-death signal, with this process, whatever ends it.
class LocalWorkers {
 public:
  // Errors: InvalidArgument (count), IoError, ResourceExhausted.
  static Result<std::unique_ptr<LocalWorkers>> Start(LocalWorkersOptions options);
  // SIGTERM, and SIGKILL two seconds later; returns when all have ended.
  ~LocalWorkers();
  LocalWorkers(const LocalWorkers&) = delete;
  LocalWorkers& operator=(const LocalWorkers&) = delete;

 private:
  class Impl;
  explicit LocalWorkers(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace octoscale::coordinator
