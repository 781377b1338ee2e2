#include "cli/key_reader.h"

#include <poll.h>
#include <unistd.h>

#include <thread>

namespace octoscale {

KeyReader::KeyReader() {
  // A background job that touches the terminal would be stopped.
  if (::isatty(STDIN_FILENO) != 1 || ::tcgetpgrp(STDIN_FILENO) != ::getpgrp()) return;
  if (::tcgetattr(STDIN_FILENO, &saved_) != 0) return;
  termios raw = saved_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  active_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

KeyReader::~KeyReader() {
  if (active_ && ::tcgetpgrp(STDIN_FILENO) == ::getpgrp()) {
    ::tcsetattr(STDIN_FILENO, TCSANOW, &saved_);
  }
}

std::optional<char> KeyReader::Next(std::chrono::milliseconds timeout) {
  // Put into the background meanwhile, reading would stop the program.
  if (!active_ || ::tcgetpgrp(STDIN_FILENO) != ::getpgrp()) {
    std::this_thread::sleep_for(timeout);
    return std::nullopt;
  }
  pollfd input = {STDIN_FILENO, POLLIN, 0};
  if (::poll(&input, 1, static_cast<int>(timeout.count())) <= 0) return std::nullopt;
  char key = 0;
  if ((input.revents & POLLIN) != 0 && ::read(STDIN_FILENO, &key, 1) == 1) return key;
  // The terminal went away: poll would return at once from now on.
  active_ = false;
  return std::nullopt;
}

}  // namespace octoscale
