#include "models/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

extern char** environ;

namespace octoscale {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPollInterval{20};
constexpr std::chrono::seconds kTerminateGrace{2};

// Own process group, no signal blocked or ignored, whatever the caller has set up for itself.
int SetAttributes(posix_spawnattr_t& attributes) {
  sigset_t none;
  sigset_t defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  for (const int number : {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGPIPE}) {
    sigaddset(&defaults, number);
  }
  int error = posix_spawnattr_setpgroup(&attributes, 0);
  if (error == 0) error = posix_spawnattr_setsigmask(&attributes, &none);
  if (error == 0) error = posix_spawnattr_setsigdefault(&attributes, &defaults);
  if (error == 0) {
    error = posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  return error;
}

int Start(const std::vector<std::string>& argv, int stderr_fd, pid_t& pid) {
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  int error = SetAttributes(attributes);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO}) {
    if (error == 0) {
      error = posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    }
  }
  if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, stderr_fd, STDERR_FILENO);
  if (error == 0) {
    error = posix_spawnp(&pid, arguments[0], &actions, &attributes, arguments.data(), environ);
  }
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

}  // namespace

Result<ChildProcess> ChildProcess::Spawn(const std::vector<std::string>& argv) {
  int fds[2] = {-1, -1};
  if (pipe2(fds, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe for " + argv[0]);
  pid_t pid = -1;
  const int error = Start(argv, fds[1], pid);
  close(fds[1]);
  if (error != 0) {
    close(fds[0]);
    return ErrnoStatus(error, argv[0]);
  }
  fcntl(fds[0], F_SETFL, O_NONBLOCK);
  return ChildProcess(pid, fds[0]);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      stderr_fd_(std::exchange(other.stderr_fd_, -1)),
      ended_(other.ended_),
      exit_code_(other.exit_code_),
      stderr_tail_(std::move(other.stderr_tail_)) {}

ChildProcess::~ChildProcess() {
  if (pid_ == -1) return;
  Stop();
  close(stderr_fd_);
}

void ChildProcess::ReadStderr() {
  char buffer[4096];
  ssize_t count = 0;
  while ((count = read(stderr_fd_, buffer, sizeof(buffer))) > 0) {
    stderr_tail_.append(buffer, static_cast<size_t>(count));
    if (stderr_tail_.size() > kStderrBytesMax) {
      stderr_tail_.erase(0, stderr_tail_.size() - kStderrBytesMax);
    }
  }
}

bool ChildProcess::Reap() {
  int status = 0;
  const pid_t waited = waitpid(pid_, &status, WNOHANG);
  if (waited == 0 || (waited < 0 && errno == EINTR)) return false;
  ended_ = true;
  // Without a status (a caller that ignores SIGCHLD) the run counts as failed.
  exit_code_ = waited < 0 ? 1 : (WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return true;
}

bool ChildProcess::WaitFor(std::chrono::milliseconds timeout) {
  const Clock::time_point end = Clock::now() + timeout;
  while (!ended_) {
    ReadStderr();
    if (Reap()) {
      ReadStderr();
      break;
    }
    if (Clock::now() >= end) return false;
    usleep(static_cast<useconds_t>(std::chrono::microseconds(kPollInterval).count()));
  }
  return true;
}

void ChildProcess::Stop() {
  kill(-pid_, SIGTERM);
  if (!WaitFor(kTerminateGrace)) {
    kill(-pid_, SIGKILL);
    while (!WaitFor(kTerminateGrace)) continue;
  }
  kill(-pid_, SIGKILL);  // what the program started and left behind
}

}  // namespace octoscale
