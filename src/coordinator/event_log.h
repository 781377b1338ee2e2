// A file of dated lines, for what happened during a run.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/status.h"

namespace octoscale::coordinator {

// Appends; each line is one write, so that lines of several processes don't mix. Thread-safe.
class EventLog {
 public:
  // Errors: NotFound, IoError, naming the file.
  static Result<std::unique_ptr<EventLog>> Open(const std::string& path);
  ~EventLog();
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  // "2026-01-31T12:00:00.123Z line". Control characters become '?'. A full disk loses lines, never
  // the run.
  void Write(std::string_view line);

 private:
  explicit EventLog(int fd) : fd_(fd) {}
  const int fd_;
};

}  // namespace octoscale::coordinator
