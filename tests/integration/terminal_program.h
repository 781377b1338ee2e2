// A program on a terminal of its own: types keys, reads what is shown.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace octoscale::testing {

// Killed when the object goes. stdin, stdout and stderr are the terminal.
class TerminalProgram {
 public:
  explicit TerminalProgram(const std::vector<std::string>& argv);
  ~TerminalProgram();
  TerminalProgram(const TerminalProgram&) = delete;
  TerminalProgram& operator=(const TerminalProgram&) = delete;

  // False when the program ends, or the time passes, before the terminal showed `text` after the
  // place where the previous wait ended.
  bool WaitFor(const std::string& text);
  void Type(const std::string& keys) const;
  // Waits for the end. 128 + signal when a signal ended it, -1 when it had to be killed.
  int Finish();
  const std::string& shown() const { return shown_; }

 private:
  bool Pump();

  pid_t pid_ = -1;
  int terminal_ = -1;
  std::chrono::steady_clock::time_point deadline_;
  std::string shown_;
  size_t seen_ = 0;
};

}  // namespace octoscale::testing
