// What video2x prints, all of it on stdout: log lines, the progress line, plain text.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "cli/video2x_args.h"

namespace octoscale {

struct Video2xProgress {
  int64_t frames_done = 0;
  int64_t frames_total = 0;  // 0: unknown
  double seconds = 0;        // pauses don't count
};

// "frame=N/T (P.PP%); fps=F.FF; elapsed=HH:MM:SS; remaining=HH:MM:SS".
std::string Video2xProgressText(const Video2xProgress& progress);

// 3661.9 is "01:01:01".
std::string HoursMinutesSeconds(double seconds);

// Thread-safe. Whatever comes after a status line begins on a line of its own.
class Video2xConsole {
 public:
  void set_level(Video2xLevel level) { level_ = level; }

  // "[YYYY-MM-DD HH:MM:SS] [level] message", local time; control characters are shown as '?'.
  void Log(Video2xLevel level, const std::string& message);
  // Rewrites the current line.
  void ShowStatus(const std::string& text);
  // As it is; ends with a newline.
  void Print(const std::string& text);

 private:
  void EndStatus();

  std::mutex mutex_;
  Video2xLevel level_ = Video2xLevel::kInfo;
  bool status_shown_ = false;
};

}  // namespace octoscale
