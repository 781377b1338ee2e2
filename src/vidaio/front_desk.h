// Decides about each request: refuses it, answers it from what is stored, or accepts its task.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "http/handler.h"
#include "http/problem.h"
#include "vidaio/active_files.h"
#include "vidaio/job_queue.h"
#include "vidaio/job_store.h"
#include "vidaio/s3_client.h"
#include "vidaio/service_options.h"
#include "vidaio/shared_volume.h"

namespace octoscale {

// Not thread-safe: one thread admits, so that two requests can't both take the last place.
class FrontDesk {
 public:
  struct Parts {
    const ServiceOptions* options;
    const SharedVolume* volume;
    JobStore* store;
    JobQueue* queue;
    const S3Client* s3;  // null: see storage_problem
    std::string storage_problem;
  };
  explicit FrontDesk(Parts parts) : parts_(std::move(parts)) {}

  // Answers `caller` once with the finished task, now or later from another thread; or returns why
  // not: 400 (a path), 409 (the id of a task that asks for something else), 429 (full), 503
  // (output_paths without remote_disabled; the task can't be stored).
  std::optional<http::Problem> Admit(const UpscaleRequest& request, JobQueue::Waiter caller);

  // A task as it stands: with URLs that are good, and with an error where a result is gone.
  // nullopt: no such task is known. Errors: those of JobStore.
  Result<std::optional<JobRecord>> Find(const std::string& id) const;

 private:
  std::optional<http::Problem> AnswerRepeated(const UpscaleRequest& request,
                                              const JobQueue::Waiter& caller, bool* answered);
  std::optional<http::Problem> MakeJob(const UpscaleRequest& request, JobRecord* job) const;
  void MakeRemoteClip(const JobRecord& job, ClipRecord* clip) const;
  std::optional<http::Problem> FindInput(const ActiveFiles& active, ClipRecord* clip) const;
  // Where the result of a local clip goes: to `wanted`, or if that is empty to a name that is free.
  std::optional<http::Problem> PlaceResult(const std::string& wanted, int scale,
                                           ActiveFiles* active, ClipRecord* clip) const;
  void Renew(JobRecord* job) const;

  const Parts parts_;
};

}  // namespace octoscale
