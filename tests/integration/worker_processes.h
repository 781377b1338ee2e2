// Worker servers and their processes, for tests of the coordinator.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/integration/program.h"

namespace octoscale::testing {

// `octoscale worker` with the simulated engine, ready when constructed; killed with the object.
class WorkerProcess {
 public:
  // port 0: any. `arguments` are added.
  explicit WorkerProcess(double ms_per_frame, int port = 0,
                         const std::vector<std::string>& arguments = {});
  int port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  void Signal(int signal) const { program_->Signal(signal); }
  void KillAndWait();

 private:
  std::unique_ptr<Program> program_;
  int port_ = 0;
};

// "a,b,c" for --workers.
std::string AddressList(const std::vector<std::unique_ptr<WorkerProcess>>& workers);

// Processes whose parent is `pid`.
std::vector<pid_t> ChildrenOf(pid_t pid);
// Waits until none of them runs any more (zombies don't); false when that takes too long.
bool WaitGone(const std::vector<pid_t>& pids);

}  // namespace octoscale::testing
