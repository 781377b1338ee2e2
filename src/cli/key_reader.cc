#include "cli/key_reader.h"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

namespace octoscale {

namespace {

// For the signal handlers, which know no object.
termios g_saved = {};
termios g_raw = {};
std::atomic<bool> g_raw_now{false};

bool OwnsTerminal() { return ::tcgetpgrp(STDIN_FILENO) == ::getpgrp(); }

// Stops or ends the process as the signal would by itself, with the terminal as it was.
void OnSignal(int signal) {
  const bool raw = g_raw_now.load();
  KeyReader::RestoreTerminal();
  if (signal == SIGTSTP) {
    ::raise(SIGSTOP);
    if (raw && OwnsTerminal()) {
      ::tcsetattr(STDIN_FILENO, TCSANOW, &g_raw);
      g_raw_now = true;
    }
    return;
  }
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

void Handle(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

void KeyReader::RestoreTerminal() {
  if (g_raw_now.exchange(false) && OwnsTerminal()) ::tcsetattr(STDIN_FILENO, TCSANOW, &g_saved);
}

KeyReader::KeyReader() {
  // A background job that touches the terminal would be stopped.
  if (::isatty(STDIN_FILENO) != 1 || !OwnsTerminal()) return;
  if (::tcgetattr(STDIN_FILENO, &g_saved) != 0) return;
  g_raw = g_saved;
  g_raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  g_raw.c_cc[VMIN] = 1;
  g_raw.c_cc[VTIME] = 0;
  Handle(SIGTSTP, OnSignal);
  Handle(SIGQUIT, OnSignal);
  g_raw_now = true;
  active_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &g_raw) == 0;
}

KeyReader::~KeyReader() {
  if (!active_) return;
  RestoreTerminal();
  Handle(SIGTSTP, SIG_DFL);
  Handle(SIGQUIT, SIG_DFL);
}

std::optional<char> KeyReader::Next(std::chrono::milliseconds timeout) {
  // Put into the background meanwhile, reading would stop the program.
  if (!active_ || !OwnsTerminal()) {
    std::this_thread::sleep_for(timeout);
    return std::nullopt;
  }
  pollfd input = {STDIN_FILENO, POLLIN, 0};
  if (::poll(&input, 1, static_cast<int>(timeout.count())) <= 0) return std::nullopt;
  char key = 0;
  if ((input.revents & POLLIN) != 0 && ::read(STDIN_FILENO, &key, 1) == 1) return key;
  // The terminal went away: poll would return at once from now on.
  RestoreTerminal();
  active_ = false;
  return std::nullopt;
}

}  // namespace octoscale
