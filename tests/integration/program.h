// Runs programs as a user would: arguments in; exit code, stdout and stderr out.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/testing/temp_dir.h"

namespace octoscale::testing {

struct ProgramResult {
  int exit_code = -1;  // 128 + signal when a signal ended it
  std::string out;
  std::string err;
};

// A program that runs; killed when the object goes. Reads stdout and stderr as they come.
class Program {
 public:
  // argv[0] is looked for on PATH. `environment`: NAME=VALUE, added to ours.
  Program(const std::vector<std::string>& argv, const std::vector<std::string>& environment = {});
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // False when the program ends, or the time passes, before stdout holds `text`.
  bool WaitForOutput(const std::string& text);
  void Signal(int signal) const;
  pid_t pid() const { return pid_; }
  const std::string& out() const { return result_.out; }  // what was read so far
  // Waits for the end; a program that takes longer than the tests' limit is killed and fails.
  ProgramResult Finish();

 private:
  bool Pump();  // reads once; false at the end of both streams or of the time

  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
  std::chrono::steady_clock::time_point deadline_;
  ProgramResult result_;
};

ProgramResult RunProgram(const std::vector<std::string>& argv,
                         const std::vector<std::string>& environment = {});

// The octoscale that was built beside the tests.
std::vector<std::string> Octoscale(std::vector<std::string> arguments);
ProgramResult RunOctoscale(const std::vector<std::string>& arguments,
                           const std::vector<std::string>& environment = {});

using TemporaryFolder = TempDir;

std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, const std::string& content);

}  // namespace octoscale::testing
