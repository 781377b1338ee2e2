#include "tests/integration/worker_processes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

namespace octoscale::testing {
namespace {

namespace fs = std::filesystem;

struct ProcessStat {
  char state = 'X';  // gone
  pid_t parent = 0;
};

// From /proc/PID/stat: "PID (NAME) STATE PARENT ...".
ProcessStat StatOf(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string line;
  std::getline(file, line);
  const size_t end = line.rfind(") ");
  if (end == std::string::npos) return {};
  return {line[end + 2], std::atoi(line.c_str() + end + 4)};
}

}  // namespace

WorkerProcess::WorkerProcess(double ms_per_frame, int port,
                             const std::vector<std::string>& arguments) {
  std::vector<std::string> all = {"worker",
                                  "--listen",
                                  "127.0.0.1:" + std::to_string(port),
                                  "--simulate-ms-per-frame",
                                  std::to_string(ms_per_frame),
                                  "--quiet",
                                  "--codec-threads",
                                  "1"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  program_ = std::make_unique<Program>(Octoscale(all));
  if (!program_->WaitForOutput("ready")) {
    ADD_FAILURE() << "the worker did not start: " << program_->Finish().err;
    return;
  }
  const size_t at = program_->out().find("\"port\":");
  port_ = std::atoi(program_->out().c_str() + at + 7);
}

void WorkerProcess::KillAndWait() {
  program_->Signal(SIGKILL);
  program_->Finish();
}

std::string AddressList(const std::vector<std::unique_ptr<WorkerProcess>>& workers) {
  std::string list;
  for (const auto& worker : workers) list += (list.empty() ? "" : ",") + worker->address();
  return list;
}

std::vector<pid_t> ChildrenOf(pid_t pid) {
  std::vector<pid_t> children;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const ProcessStat stat = StatOf(name);
    if (stat.parent == pid && stat.state != 'Z' && stat.state != 'X') {
      children.push_back(std::atoi(name.c_str()));
    }
  }
  std::sort(children.begin(), children.end());
  return children;
}

bool WaitGone(const std::vector<pid_t>& pids) {
  for (int tries = 0; tries < 600; ++tries) {
    const bool gone = std::ranges::all_of(pids, [](pid_t pid) {
      const char state = StatOf(std::to_string(pid)).state;
      return state == 'X' || state == 'Z';
    });
    if (gone) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

}  // namespace octoscale::testing
