#include "tests/integration/program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

namespace octoscale::testing {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kProgramSecondsMax{240};

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> Environment(const std::vector<std::string>& added) {
  std::vector<std::string> all = added;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string name = std::string(*entry).substr(0, std::strcspn(*entry, "=") + 1);
    const bool replaced = std::ranges::any_of(
        added, [&](const std::string& other) { return other.starts_with(name); });
    if (!replaced) all.emplace_back(*entry);
  }
  return all;
}

void ReadInto(int& descriptor, std::string& text) {
  char buffer[1 << 16];
  const ssize_t size = ::read(descriptor, buffer, sizeof(buffer));
  if (size > 0) {
    text.append(buffer, static_cast<size_t>(size));
  } else if (size == 0 || errno != EINTR) {
    ::close(descriptor);
    descriptor = -1;
  }
}

}  // namespace

Program::Program(const std::vector<std::string>& argv, const std::vector<std::string>& environment)
    : deadline_(Clock::now() + kProgramSecondsMax) {
  int out[2], err[2];
  if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) std::abort();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
  std::vector<std::string> arguments = argv;
  std::vector<std::string> variables = Environment(environment);
  const int failure = ::posix_spawnp(&pid_, argv[0].c_str(), &actions, nullptr,
                                     Pointers(arguments).data(), Pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  ::close(out[1]);
  ::close(err[1]);
  out_ = out[0];
  err_ = err[0];
  if (failure != 0) {
    pid_ = -1;
    ADD_FAILURE() << argv[0] << ": " << std::strerror(failure);
  }
}

Program::~Program() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (out_ >= 0) ::close(out_);
  if (err_ >= 0) ::close(err_);
}

bool Program::Pump() {
  if (out_ < 0 && err_ < 0) return false;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now());
  if (left.count() <= 0) return false;
  pollfd streams[] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}};
  if (::poll(streams, 2, static_cast<int>(left.count())) < 0) return errno == EINTR;
  if (out_ >= 0 && streams[0].revents != 0) ReadInto(out_, result_.out);
  if (err_ >= 0 && streams[1].revents != 0) ReadInto(err_, result_.err);
  return true;
}

bool Program::WaitForOutput(const std::string& text) {
  while (result_.out.find(text) == std::string::npos) {
    if (out_ < 0 || !Pump()) return false;
  }
  return true;
}

void Program::Signal(int signal) const {
  ASSERT_GT(pid_, 0) << "no process";  // kill(-1) would reach every process of the machine
  ::kill(pid_, signal);
}

ProgramResult Program::Finish() {
  while (Pump()) {
  }
  if (pid_ < 0) return result_;
  if (out_ >= 0 || err_ >= 0) {
    ADD_FAILURE() << "still running after " << kProgramSecondsMax.count() << " s; stderr so far:\n"
                  << result_.err;
    ::kill(pid_, SIGKILL);
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  result_.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result_;
}

ProgramResult RunProgram(const std::vector<std::string>& argv,
                         const std::vector<std::string>& environment) {
  return Program(argv, environment).Finish();
}

std::vector<std::string> Octoscale(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), OCTOSCALE_BINARY);
  return arguments;
}

ProgramResult RunOctoscale(const std::vector<std::string>& arguments,
                           const std::vector<std::string>& environment) {
  return RunProgram(Octoscale(arguments), environment);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void WriteFile(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

}  // namespace octoscale::testing
