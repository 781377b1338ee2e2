// How a job is going, for people (stderr) or programs (JSON on stdout).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "coordinator/worker_report.h"
#include "vidaio/clip_job.h"

namespace octoscale {

enum class ProgressMode { kAuto, kBar, kJson, kNone };

Result<ProgressMode> ParseProgressMode(const std::string& name);

// What a finished file reports. fps counts the frames of this run in all of its time, opening and
// closing included.
struct FileSummary {
  std::string output;
  int64_t frames = 0;
  int width = 0;
  int height = 0;
  double seconds = 0;
  int64_t frames_resumed = 0;           // of `frames`: from an earlier run
  std::optional<ClipReport> clip = {};  // with a task or a deadline
};

struct FolderSummary {
  int files = 0;
  int failed = 0;
  int64_t frames = 0;
  int64_t frames_resumed = 0;  // of `frames`: from an earlier run
  double seconds = 0;
};

// Prints progress of one file after another. kAuto: a bar on a terminal, else a line every few
// seconds. Errors and warnings take a line of their own between two states of the bar.
// Used by one thread at a time.
class ProgressPrinter {
 public:
  ProgressPrinter(ProgressMode mode, bool folder);

  using WorkerSource = std::function<std::vector<coordinator::WorkerReport>()>;
  // Shows the workers' shares with the progress. May be empty.
  void ShowWorkers(WorkerSource source) { workers_ = std::move(source); }
  // The table, before the last event or message.
  void WorkersDone();

  // frames_total: 0 when unknown.
  void Update(int64_t frames_done, int64_t frames_total, double fps);
  void FileDone(const FileSummary& summary);
  void FileSkipped(const std::string& output);
  void FileFailed(const std::string& input, const Status& status);
  void FolderDone(const FolderSummary& summary);
  // The last event when the whole job failed or was interrupted.
  void JobFailed(const Status& status);
  void Warn(const std::string& text);
  // Something that happened on the way, e.g. what a planner chose.
  void Note(const std::string& text);
  // A note that must reach people in every mode, e.g. that a deadline will be missed.
  void Alert(const std::string& text);

 private:
  using Clock = std::chrono::steady_clock;
  void ClearBar();

  ProgressMode mode_;
  bool folder_;  // the final event is the folder's
  bool terminal_;
  bool bar_shown_ = false;
  Clock::time_point next_update_;
  WorkerSource workers_;
};

}  // namespace octoscale
