#include "tests/integration/terminal_program.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace octoscale::testing {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kProgramSecondsMax{240};

}  // namespace

TerminalProgram::TerminalProgram(const std::vector<std::string>& argv)
    : deadline_(Clock::now() + kProgramSecondsMax) {
  std::vector<std::string> words = argv;
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  pid_ = ::forkpty(&terminal_, nullptr, nullptr, nullptr);
  if (pid_ == 0) {
    ::execv(pointers[0], pointers.data());
    ::_exit(127);
  }
  EXPECT_GT(pid_, 0) << "no pseudo-terminal";
}

TerminalProgram::~TerminalProgram() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (terminal_ >= 0) ::close(terminal_);
}

bool TerminalProgram::Pump() {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now());
  if (terminal_ < 0 || left.count() <= 0) return false;
  pollfd terminal = {terminal_, POLLIN, 0};
  if (::poll(&terminal, 1, static_cast<int>(left.count())) <= 0) return errno == EINTR;
  char buffer[4096];
  const ssize_t size = ::read(terminal_, buffer, sizeof(buffer));
  // EIO: the other side is closed.
  if (size <= 0) return size < 0 && errno == EINTR;
  shown_.append(buffer, static_cast<size_t>(size));
  return true;
}

bool TerminalProgram::WaitFor(const std::string& text) {
  while (true) {
    const size_t at = shown_.find(text, seen_);
    if (at != std::string::npos) {
      seen_ = at + text.size();
      return true;
    }
    if (!Pump()) return false;
  }
}

void TerminalProgram::Type(const std::string& keys) const {
  EXPECT_EQ(::write(terminal_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
}

int TerminalProgram::Finish() {
  while (Pump()) {
  }
  if (pid_ <= 0) return -1;
  const bool late = Clock::now() >= deadline_;
  if (late) {
    ADD_FAILURE() << "still running; shown so far:\n" << shown_;
    ::kill(pid_, SIGKILL);
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  if (late) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace octoscale::testing
