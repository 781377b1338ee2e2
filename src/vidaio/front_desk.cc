#include "vidaio/front_desk.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <random>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/content_hash.h"
#include "http/absolute_url.h"
#include "vidaio/result_files.h"

namespace octoscale {
namespace {

using http::Problem;

constexpr size_t kStemBytesMax = 100;
constexpr int kRetryAfterSeconds = 5;

std::string RandomName() {
  std::random_device device;
  const uint64_t high = device();
  return HashText(high << 32 | device());
}

// "clip" of "/a/clip.mp4".
std::string StemOf(std::string_view path) {
  path = path.substr(path.rfind('/') + 1);
  const size_t dot = path.rfind('.');
  if (dot != std::string_view::npos && dot > 0) path = path.substr(0, dot);
  return std::string(path.substr(0, kStemBytesMax));
}

// "STEM_upscaled_2x.mp4"; with a number when the first names are taken.
std::string ResultName(const std::string& stem, int scale, int number) {
  return stem + "_upscaled_" + std::to_string(scale) + "x" +
         (number > 1 ? "_" + std::to_string(number) : "") + ".mp4";
}

std::string GoneText(int64_t removed_s) {
  if (removed_s == 0) return " was removed, moved or replaced by somebody";
  const auto seconds = static_cast<std::time_t>(removed_s);
  std::tm utc = {};
  gmtime_r(&seconds, &utc);
  char text[32] = {};
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return std::string(" was an old temporary file and was removed at ") + text;
}

Problem Refuse(const Status& status, const char* part) {
  return Problem::Make(400, status.message(), part);
}

}  // namespace

std::optional<Problem> FrontDesk::Admit(const UpscaleRequest& request, JobQueue::Waiter caller) {
  if (!request.output_paths.empty() && !parts_.options->remote_disabled) {
    return Problem::Make(503,
                         "output_paths is for local use only; start with DISABLE_REMOTE_IO=true",
                         "output_paths");
  }
  bool answered = false;
  if (auto problem = AnswerRepeated(request, caller, &answered); problem || answered)
    return problem;
  const QueueState queue = parts_.queue->state();
  if (queue.capacity_remaining() == 0) {
    Problem problem =
        Problem::Make(429, "Upscaling queue full: " + std::to_string(queue.queued_tasks) + "/" +
                               std::to_string(queue.max_queue_size) + " queued, " +
                               std::to_string(queue.active_tasks) + "/" +
                               std::to_string(queue.max_concurrent) + " active");
    problem.retry_after_s = kRetryAfterSeconds;
    return problem;
  }
  JobRecord job;
  if (auto problem = MakeJob(request, &job)) return problem;
  const bool nothing_to_do =
      std::all_of(job.clips.begin(), job.clips.end(),
                  [](const ClipRecord& clip) { return IsFinished(clip.state); });
  if (nothing_to_do) {
    job.state = JobState::kFailed;
    job.finished_s = job.created_ms / 1000;
  }
  job.queue_position = nothing_to_do ? 0 : parts_.queue->NextPosition();
  if (const Status stored = parts_.store->Insert(job); !stored.ok()) {
    return Problem::Make(503, "the task can't be stored: " + stored.message());
  }
  if (nothing_to_do) {
    caller.answer(job);
  } else {
    parts_.queue->Push(std::move(job), std::move(caller));
  }
  return std::nullopt;
}

std::optional<Problem> FrontDesk::AnswerRepeated(const UpscaleRequest& request,
                                                 const JobQueue::Waiter& caller, bool* answered) {
  if (request.task_id.empty()) return std::nullopt;
  const Problem other = Problem::Make(
      409, "the task " + request.task_id + " is known and asks for other clips or another scale",
      "task_id");
  const auto check = [&request](const JobRecord& job) { return AsksTheSame(request, job); };
  bool same = false;
  switch (parts_.queue->Join(request.task_id, check, caller, &same)) {
    case JobQueue::Joined::kTooMany:
      return Problem::Make(429, "too many callers wait for the task " + request.task_id);
    case JobQueue::Joined::kYes:
      *answered = same;
      if (!same) return other;
      return std::nullopt;
    case JobQueue::Joined::kUnknown:
      break;
  }
  const auto found = Find(request.task_id);
  if (!found.ok()) return Problem::Make(503, found.status().message());
  if (!found->has_value()) return std::nullopt;
  if (!check(**found)) return other;
  *answered = true;
  caller.answer(**found);
  return std::nullopt;
}

Result<std::optional<JobRecord>> FrontDesk::Find(const std::string& id) const {
  // In this order: a task is stored before the queue forgets it.
  std::optional<JobRecord> job = parts_.queue->Unstored(id);
  if (!job) {
    OCTO_ASSIGN_OR_RETURN(job, parts_.store->Find(id));
  }
  if (job) Renew(&*job);
  return job;
}

// What was answered once may not be true any more.
void FrontDesk::Renew(JobRecord* job) const {
  const auto now = std::chrono::system_clock::now();
  for (ClipRecord& clip : job->clips) {
    const bool over = clip.url_expires_s <= std::chrono::system_clock::to_time_t(now);
    if (!clip.url.empty() && over && parts_.s3 != nullptr) {
      clip.url = parts_.s3->Presign(clip.key, now).url;
    }
    const bool local = clip.state == JobState::kDone && !clip.remote;
    if (!local || !IsFinished(job->state) || IsThere(clip.output, clip.bytes)) continue;
    clip.state = job->state = JobState::kFailed;
    clip.error = clip.source + ": its result " + clip.output + GoneText(clip.removed_s) +
                 "; ask for it with another task_id";
  }
}

std::optional<Problem> FrontDesk::MakeJob(const UpscaleRequest& request, JobRecord* job) const {
  job->folder = RandomName();
  job->id = request.task_id.empty() ? job->folder : request.task_id;
  job->scale = request.scale;
  job->model = request.model;
  job->codec = request.codec;
  job->cq = request.cq;
  job->created_ms = UnixMilliseconds();
  const double deadline =
      request.deadline_s > 0 ? request.deadline_s : parts_.options->deadline_seconds;
  if (deadline > 0) job->deadline_ms = std::max<int64_t>(1, std::llround(deadline * 1000));
  ActiveFiles active = FilesOf(parts_.queue->Asked(), *parts_.volume);
  for (const std::string& path : request.video_paths) {
    ClipRecord clip;
    clip.source = path;
    clip.remote = IsUrl(path);
    if (clip.remote) {
      MakeRemoteClip(*job, &clip);
    } else if (auto problem = FindInput(active, &clip)) {
      return problem;
    }
    job->clips.push_back(std::move(clip));
  }
  // After all inputs are known: a result must not replace one that is still to be read.
  for (const ClipRecord& clip : job->clips) {
    if (!clip.remote) active.inputs[clip.input] = "the input " + clip.source;
  }
  for (size_t i = 0; i < job->clips.size(); ++i) {
    if (job->clips[i].remote) continue;
    const std::string wanted = request.output_paths.empty() ? "" : request.output_paths[i];
    auto problem = PlaceResult(wanted, job->scale, &active, &job->clips[i]);
    if (problem) return problem;
  }
  return std::nullopt;
}

// What is wrong with a URL is the clip's error, not the request's.
void FrontDesk::MakeRemoteClip(const JobRecord& job, ClipRecord* clip) const {
  const std::string shown = http::WithoutQuery(clip->source);
  const auto fail = [&](const std::string& why) {
    clip->state = JobState::kFailed;
    clip->error = shown + ": " + why;
  };
  if (parts_.options->remote_disabled) {
    return fail("Remote URL input is disabled for this local-only service (DISABLE_REMOTE_IO)");
  }
  if (parts_.s3 == nullptr) return fail(parts_.storage_problem);
  const auto url = http::ParseAbsoluteUrl(clip->source);
  if (!url.ok()) return fail(url.status().message());
  std::string task = SafeKeyPart(job.id);
  std::replace(task.begin(), task.end(), '/', '-');
  // Tasks whose names become the same must not share an object.
  if (task != job.id) task += "-" + HashText(ContentHash(job.id));
  std::string stem = SafeKeyPart(StemOf(url->path));
  if (stem.empty()) stem = "clip";
  for (int number = 1;; ++number) {
    clip->key = "processing/" + task + "/" + ResultName(stem, job.scale, number);
    if (std::none_of(job.clips.begin(), job.clips.end(),
                     [clip](const ClipRecord& other) { return other.key == clip->key; })) {
      return;
    }
  }
}

std::optional<Problem> FrontDesk::FindInput(const ActiveFiles& active, ClipRecord* clip) const {
  auto input = parts_.volume->FindInput(clip->source);
  if (!input.ok()) return Refuse(input.status(), "video_paths");
  clip->input = std::move(*input);
  const auto result = active.results.find(clip->input);
  if (result == active.results.end()) return std::nullopt;
  return Problem::Make(
      400,
      clip->source + " will be replaced by " + result->second + "; ask again when that is done",
      "video_paths");
}

std::optional<Problem> FrontDesk::PlaceResult(const std::string& wanted, int scale,
                                              ActiveFiles* active, ClipRecord* clip) const {
  const SharedVolume& volume = *parts_.volume;
  for (int number = 1;; ++number) {
    const std::string name =
        wanted.empty() ? ResultName(StemOf(clip->source), scale, number) : wanted;
    const auto place = volume.PlaceOutput(name);
    if (!place.ok()) {
      return Refuse(place.status(), wanted.empty() ? "video_paths" : "output_paths");
    }
    if (!active->Contains(*place)) {
      clip->output = name.front() == '/' ? name : volume.root() + "/" + name;
      active->results[*place] = "the result " + name + " of " + clip->source;
      return std::nullopt;
    }
    if (wanted.empty()) continue;
    const auto input = active->inputs.find(*place);
    return Problem::Make(
        400,
        wanted + " is the same file as " +
            (input != active->inputs.end() ? input->second : active->results[*place]) +
            "; give another name",
        "output_paths");
  }
}

}  // namespace octoscale
