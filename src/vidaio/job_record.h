// A task as the service keeps it: what was asked, how far it is, what came out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace octoscale {

// The numbers are stored; append only.
enum class JobState { kQueued = 0, kRunning = 1, kUploading = 2, kDone = 3, kFailed = 4 };

constexpr std::string_view JobStateName(JobState state) {
  switch (state) {
    case JobState::kQueued:
      return "queued";
    case JobState::kRunning:
      return "running";
    case JobState::kUploading:
      return "uploading";
    case JobState::kDone:
      return "done";
    case JobState::kFailed:
      return "failed";
  }
  return "unknown";
}

constexpr bool IsFinished(JobState state) {
  return state == JobState::kDone || state == JobState::kFailed;
}

struct ClipRecord {
  std::string source;  // as asked: a path or a URL
  bool remote = false;
  std::string input;   // local: the file, without links
  std::string output;  // local: where the result goes
  std::string key;     // remote: of the object
  // kUploading: the result is complete in the job's folder, `bytes` long.
  JobState state = JobState::kQueued;
  std::string error;  // of a failed clip
  std::string url;    // remote: presigned
  int64_t url_expires_s = 0;
  int64_t bytes = 0;      // of the result
  int64_t removed_s = 0;  // local: Unix time when the service removed the result; 0: it did not
  int attempts = 0;       // how often the process died while it computed this clip, or may yet
};

struct JobRecord {
  std::string id;      // the task's, or one that was made up
  std::string folder;  // name of its folder in the work folder, unique
  int scale = 2;
  std::string model;
  std::string codec;
  int cq = 35;
  JobState state = JobState::kQueued;
  int queue_position = 0;  // when it was accepted; 0: it started at once
  int active_tasks = 0;    // when it ended
  int queued_tasks = 0;
  int64_t created_ms = 0;   // Unix time of its acceptance
  int64_t deadline_ms = 0;  // from then on, queue and transfers included; 0: none
  int64_t taken_ms = 0;     // from then on until it ended; 0: it has not
  int64_t finished_s = 0;   // Unix time
  std::vector<ClipRecord> clips;

  bool late() const { return deadline_ms > 0 && taken_ms > deadline_ms; }
};

}  // namespace octoscale
