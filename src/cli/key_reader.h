// Single key presses from the terminal that is stdin.
#pragma once

#include <chrono>
#include <optional>

namespace octoscale {

// While it lives, the terminal hands over keys at once and doesn't echo them; it is restored at the
// end, and while SIGTSTP stops the process or SIGQUIT ends it. Inactive, and reads nothing, when
// stdin is not a terminal or belongs to another job. One at a time.
class KeyReader {
 public:
  KeyReader();
  ~KeyReader();
  KeyReader(const KeyReader&) = delete;
  KeyReader& operator=(const KeyReader&) = delete;

  // Gives the terminal back, for those who end the process by force. Async-signal-safe.
  static void RestoreTerminal();

  bool active() const { return active_; }
  // Waits for a key; nullopt when none came in time. Sleeps that long when inactive.
  std::optional<char> Next(std::chrono::milliseconds timeout);

 private:
  bool active_ = false;
};

}  // namespace octoscale
