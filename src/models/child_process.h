// A program run in its own process group, without a shell.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/status.h"

namespace octoscale {

// Standard input and output are /dev/null; standard error is kept, its last kStderrBytesMax bytes.
// Not thread-safe. The destructor kills the whole group and waits for the program.
class ChildProcess {
 public:
  static constexpr size_t kStderrBytesMax = 4096;

  // argv[0] is looked up in PATH. NotFound when there is no such program.
  static Result<ChildProcess> Spawn(const std::vector<std::string>& argv);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();

  // Waits up to `timeout` for the end, reading standard error meanwhile. True when it has ended.
  bool WaitFor(std::chrono::milliseconds timeout);

  // SIGTERM to the group, SIGKILL two seconds later to what is left. Returns when it has ended.
  void Stop();

  // Once ended: the exit code, or 128 + the signal that ended it.
  int exit_code() const { return exit_code_; }
  const std::string& stderr_tail() const { return stderr_tail_; }

 private:
  ChildProcess(pid_t pid, int stderr_fd) : pid_(pid), stderr_fd_(stderr_fd) {}
  void ReadStderr();
  bool Reap();

  pid_t pid_ = -1;      // -1: moved from
  int stderr_fd_ = -1;  // non-blocking
  bool ended_ = false;
  int exit_code_ = 0;
  std::string stderr_tail_;
};

}  // namespace octoscale
