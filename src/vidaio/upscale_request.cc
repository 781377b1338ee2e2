#include "vidaio/upscale_request.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "http/absolute_url.h"
#include "vidaio/tasks.h"

namespace octoscale {
namespace {

using http::Problem;
using Json = nlohmann::ordered_json;

constexpr size_t kPathBytesMax = 8 * 1024;
constexpr size_t kNameBytesMax = 200;
constexpr int kCqMax = 63;
constexpr int kJsonDepthMax = 8;

Problem Schema(std::string detail, std::string part = {}) {
  return Problem::Make(422, std::move(detail), std::move(part));
}

// Stops at a depth that no request has: the parser would go on to the end of the stack.
std::optional<Problem> ParseObject(const std::string& body, Json* object) {
  bool too_deep = false;
  const auto check = [&](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kJsonDepthMax;
    return !too_deep;
  };
  *object = Json::parse(body, check, false);
  if (object->is_object() && !too_deep) return std::nullopt;
  return Schema("the body is not a JSON object");
}

const Json* Member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::optional<Problem> ReadText(const Json& object, const char* name, size_t bytes_max,
                                std::string* value) {
  const Json* member = Member(object, name);
  if (member == nullptr) return std::nullopt;
  if (!member->is_string()) return Schema("expected a string", name);
  *value = member->get<std::string>();
  if (value->size() > bytes_max) {
    return Schema("expected at most " + std::to_string(bytes_max) + " bytes", name);
  }
  const bool control =
      std::any_of(value->begin(), value->end(), [](char c) { return c >= 0 && c < ' '; });
  if (control) return Schema("holds control characters", name);
  return std::nullopt;
}

std::optional<Problem> ReadInteger(const Json& object, const char* name, int* value) {
  const Json* member = Member(object, name);
  if (member == nullptr) return std::nullopt;
  const double number = member->is_number() ? member->get<double>() : NAN;
  if (!(std::abs(number) <= 1e6) || number != std::floor(number)) {
    return Schema("expected an integer", name);
  }
  *value = static_cast<int>(number);
  return std::nullopt;
}

std::optional<Problem> ReadDeadline(const Json& object, const char* name, double* seconds) {
  const Json* member = Member(object, name);
  if (member == nullptr) return std::nullopt;
  const double number = member->is_number() ? member->get<double>() : NAN;
  if (!(number > 0 && number <= kDeadlineSecondsMax)) {
    return Schema("expected a number of seconds, above 0 and at most a week", name);
  }
  *seconds = number;
  return std::nullopt;
}

std::optional<Problem> ReadPaths(const Json& object, const char* name,
                                 std::vector<std::string>* paths) {
  const Json* member = Member(object, name);
  if (member == nullptr) return std::nullopt;
  if (!member->is_array()) return Schema("expected a list of strings", name);
  if (member->empty() || member->size() > kClipsMax) {
    return Schema("expected 1 to " + std::to_string(kClipsMax) + " entries, found " +
                      std::to_string(member->size()),
                  name);
  }
  for (const Json& entry : *member) {
    if (!entry.is_string()) return Schema("expected a list of strings", name);
    paths->push_back(entry.get<std::string>());
    if (paths->back().size() > kPathBytesMax) {
      return Schema("expected entries of at most 8192 bytes", name);
    }
  }
  return std::nullopt;
}

std::optional<Problem> CheckPaths(const UpscaleRequest& request) {
  for (const std::string& path : request.video_paths) {
    if (path.empty()) return Problem::Make(400, "a path is empty", "video_paths");
  }
  for (const std::string& path : request.output_paths) {
    if (path.empty()) return Problem::Make(400, "a path is empty", "output_paths");
  }
  return std::nullopt;
}

http::Response JsonResponse(int status, const Json& json) {
  return http::TextResponse(
      status, "application/json",
      json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

Json AnswerJson(const JobRecord& job) {
  Json paths = Json::array();
  Json urls = Json::array();
  Json errors = Json::array();
  for (const ClipRecord& clip : job.clips) {
    const bool done = clip.state == JobState::kDone;
    paths.push_back(done && !clip.remote ? clip.output : "");
    urls.push_back(done ? clip.url : "");
    errors.push_back(clip.error);
  }
  Json answer = {{"output_paths", paths},
                 {"output_urls", urls},
                 {"errors", errors},
                 {"success", job.state == JobState::kDone},
                 {"queue_position", job.queue_position},
                 {"active_tasks", job.active_tasks},
                 {"queued_tasks", job.queued_tasks}};
  if (job.deadline_ms > 0) {
    answer["deadline_s"] = static_cast<double>(job.deadline_ms) / 1000;
    answer["seconds"] = static_cast<double>(job.taken_ms) / 1000;
    answer["late"] = job.late();
  }
  return answer;
}

Json QueueJson(const QueueState& queue) {
  return {{"max_concurrent", queue.max_concurrent},
          {"max_queue_size", queue.max_queue_size},
          {"active_tasks", queue.active_tasks},
          {"queued_tasks", queue.queued_tasks},
          {"total_pending", queue.total_pending()},
          {"queue_capacity_remaining", queue.capacity_remaining()}};
}

}  // namespace

std::optional<Problem> ParseUpscaleRequest(const std::string& body, UpscaleRequest* request) {
  Json object;
  if (auto problem = ParseObject(body, &object)) return problem;
  if (auto problem = ReadPaths(object, "video_paths", &request->video_paths)) return problem;
  if (request->video_paths.empty()) return Schema("is missing", "video_paths");
  if (auto problem = ReadPaths(object, "output_paths", &request->output_paths)) return problem;
  if (Member(object, "scale") == nullptr) return Schema("is missing", "scale");
  if (auto problem = ReadInteger(object, "scale", &request->scale)) return problem;
  if (auto problem = ReadInteger(object, "cq", &request->cq)) return problem;
  if (request->cq < 0 || request->cq > kCqMax) return Schema("expected 0 to 63", "cq");
  if (auto problem = ReadDeadline(object, "deadline_s", &request->deadline_s)) return problem;
  for (const auto& [name, value] : {std::pair{"task_id", &request->task_id},
                                    {"model", &request->model},
                                    {"codec", &request->codec}}) {
    if (auto problem = ReadText(object, name, kNameBytesMax, value)) return problem;
  }
  if (!request->output_paths.empty() &&
      request->output_paths.size() != request->video_paths.size()) {
    return Schema("expected one for each of video_paths", "output_paths");
  }
  if (request->scale != 2 && request->scale != 4) {
    return Problem::Make(400, "scale must be 2 or 4", "scale");
  }
  return CheckPaths(*request);
}

std::optional<Problem> ParseOlderRequest(const std::string& body, UpscaleRequest* request) {
  Json object;
  if (auto problem = ParseObject(body, &object)) return problem;
  std::string url;
  std::string type;
  if (auto problem = ReadText(object, "payload_url", kPathBytesMax, &url)) return problem;
  if (auto problem = ReadText(object, "task_type", kNameBytesMax, &type)) return problem;
  if (Member(object, "payload_url") == nullptr) return Schema("is missing", "payload_url");
  if (Member(object, "task_type") == nullptr) return Schema("is missing", "task_type");
  const auto task = FindVidaioTask(type);
  if (!task.ok()) return Schema(task.status().message(), "task_type");
  if (!IsUrl(url)) return Problem::Make(400, "expected an http or https URL", "payload_url");
  request->video_paths = {url};
  request->scale = task->scale;
  return std::nullopt;
}

bool IsUrl(const std::string& path) {
  const auto starts = [&path](const char* scheme, size_t length) {
    return path.size() > length && http::EqualsIgnoreCase(path.substr(0, length), scheme);
  };
  return starts("http://", 7) || starts("https://", 8);
}

bool AsksTheSame(const UpscaleRequest& request, const JobRecord& job) {
  return request.scale == job.scale &&
         std::equal(request.video_paths.begin(), request.video_paths.end(), job.clips.begin(),
                    job.clips.end(), [](const std::string& path, const ClipRecord& clip) {
                      if (!clip.remote) return path == clip.source;
                      return http::BeforeQuery(path) == http::BeforeQuery(clip.source);
                    });
}

http::Response UpscaleAnswer(const JobRecord& job) { return JsonResponse(200, AnswerJson(job)); }

http::Response OlderAnswer(const JobRecord& job) {
  Json url = nullptr;
  if (job.state == JobState::kDone) url = job.clips.front().url;
  return JsonResponse(200, {{"uploaded_video_url", url}});
}

http::Response TaskAnswer(const JobRecord& job) {
  Json clips = Json::array();
  for (const ClipRecord& clip : job.clips) {
    clips.push_back({{"source", clip.remote ? http::WithoutQuery(clip.source) : clip.source},
                     {"state", JobStateName(clip.state)},
                     {"error", clip.error}});
  }
  Json answer = nullptr;
  if (IsFinished(job.state)) answer = AnswerJson(job);
  return JsonResponse(200, {{"task_id", job.id},
                            {"state", JobStateName(job.state)},
                            {"scale", job.scale},
                            {"clips", clips},
                            {"answer", answer}});
}

int QueueState::capacity_remaining() const {
  return std::max(0, max_concurrent + max_queue_size - total_pending());
}

http::Response QueueAnswer(const QueueState& queue) { return JsonResponse(200, QueueJson(queue)); }

http::Response HealthAnswer(const HealthFacts& facts) {
  Json health = {{"status", facts.draining ? "draining" : "ok"}};
  health.update(QueueJson(facts.queue));
  Json problem = nullptr;
  if (!facts.storage_problem.empty()) problem = facts.storage_problem;
  health["storage_ready"] = facts.storage_problem.empty();
  health["storage_problem"] = problem;
  health["remote_io_disabled"] = facts.remote_disabled;
  health["shared_volume"] = facts.shared_volume;
  return JsonResponse(facts.draining ? 503 : 200, health);
}

}  // namespace octoscale
