#include "cli/video2x_console.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace octoscale {
namespace {

constexpr std::array kLevelNames = {"trace", "debug", "info", "warning", "error", "critical"};

std::string Now() {
  const std::time_t now = std::time(nullptr);
  std::tm local = {};
  localtime_r(&now, &local);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local);
  return text;
}

void Write(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace

std::string HoursMinutesSeconds(double seconds) {
  const auto total = static_cast<int64_t>(std::isfinite(seconds) ? std::max(0.0, seconds) : 0.0);
  return fmt::format("{:02}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
}

std::string Video2xProgressText(const Video2xProgress& progress) {
  const auto done = static_cast<double>(progress.frames_done);
  const auto total = static_cast<double>(progress.frames_total);
  const double percent = total > 0 ? 100 * done / total : 0;
  const double fps = progress.seconds > 0 ? done / progress.seconds : 0;
  const double remaining = fps > 0 ? std::max(0.0, total - done) / fps : 0;
  return fmt::format("frame={}/{} ({:.2f}%); fps={:.2f}; elapsed={}; remaining={}",
                     progress.frames_done, progress.frames_total, percent, fps,
                     HoursMinutesSeconds(progress.seconds), HoursMinutesSeconds(remaining));
}

void Video2xConsole::EndStatus() {
  if (status_shown_) Write("\n");
  status_shown_ = false;
}

void Video2xConsole::Log(Video2xLevel level, const std::string& message) {
  const std::lock_guard lock(mutex_);
  if (level < level_ || level >= Video2xLevel::kNone) return;
  std::string text = message;
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  EndStatus();
  Write(fmt::format("[{}] [{}] {}\n", Now(), kLevelNames[static_cast<size_t>(level)], text));
}

void Video2xConsole::ShowStatus(const std::string& text) {
  const std::lock_guard lock(mutex_);
  Write("\r\033[K" + text);
  status_shown_ = true;
}

void Video2xConsole::Print(const std::string& text) {
  const std::lock_guard lock(mutex_);
  EndStatus();
  Write(text);
}

}  // namespace octoscale
