// The bodies of the miner's requests and answers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "http/message.h"
#include "http/problem.h"
#include "vidaio/job_record.h"

namespace octoscale {

constexpr size_t kClipsMax = 5;

struct UpscaleRequest {
  std::vector<std::string> video_paths;   // paths and URLs, 1 to kClipsMax, none empty
  std::vector<std::string> output_paths;  // none, or one for each
  int scale = 2;                          // 2 or 4
  std::string task_id;                    // empty: none was given
  std::string model;
  std::string codec;
  int cq = 35;
  double deadline_s = 0;  // 0: none was given
};

// {video_paths, output_paths?, scale, task_id?, model?, codec?, cq?, deadline_s?}; other members
// are ignored. A problem is 422 (not JSON, or not of this form) or 400 (another scale, an empty
// path).
std::optional<http::Problem> ParseUpscaleRequest(const std::string& body, UpscaleRequest* request);

// The older {payload_url, task_type}: the scale is the task's. Problems as above; 422 for an
// unknown task.
std::optional<http::Problem> ParseOlderRequest(const std::string& body, UpscaleRequest* request);

bool IsUrl(const std::string& path);

// Whether a repeated task asks for the same: scale and clips, whose URLs may have other queries.
bool AsksTheSame(const UpscaleRequest& request, const JobRecord& job);

// 200: {output_paths, output_urls, errors, success, queue_position, active_tasks, queued_tasks}.
// The lists have one entry for each clip, in the order of the request; "" where there is none. Of a
// task with a deadline also {deadline_s, seconds, late}.
http::Response UpscaleAnswer(const JobRecord& job);
// 200: {uploaded_video_url}, null when it failed.
http::Response OlderAnswer(const JobRecord& job);
// 200: {task_id, state, scale, clips: [{source, state, error}], answer}; answer is null until the
// task is finished.
http::Response TaskAnswer(const JobRecord& job);

struct QueueState {
  int max_concurrent = 0;
  int max_queue_size = 0;
  int active_tasks = 0;
  int queued_tasks = 0;

  int total_pending() const { return active_tasks + queued_tasks; }
  int capacity_remaining() const;
};
// The answer of GET /queue.
http::Response QueueAnswer(const QueueState& queue);

struct HealthFacts {
  bool draining = false;
  QueueState queue;
  std::string storage_problem;  // empty: S3 is set up
  bool remote_disabled = false;
  std::string shared_volume;
};
http::Response HealthAnswer(const HealthFacts& facts);

}  // namespace octoscale
