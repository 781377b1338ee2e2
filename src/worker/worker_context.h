// What every handler of a worker shares.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "http/message.h"
#include "http/problem.h"
#include "metrics/metrics.h"
#include "worker/admission.h"
#include "worker/batch_scheduler.h"
#include "worker/options.h"
#include "worker/request_options.h"
#include "worker/speed_meter.h"
#include "worker/task_pool.h"
#include "worker/upscaler_cache.h"

namespace octoscale::worker {

enum class LifeStage { kStarting, kReady, kDraining, kFailed };
const char* LifeStageName(LifeStage stage);

struct WorkerMetrics {
  WorkerMetrics(metrics::Registry* registry, SpeedMeter* speed);
  metrics::Counter& Rejected(const char* reason) const;

  metrics::Registry* registry;
  SchedulerMetrics scheduler;
  metrics::Histogram& decode_seconds;
  metrics::Histogram& encode_seconds;
  metrics::Counter& codec_cpu_seconds;
};

// Measures one decoding or encoding, from its making to its end, on one thread.
class CodecTimer {
 public:
  CodecTimer(const WorkerMetrics& metrics, metrics::Histogram& seconds);
  ~CodecTimer();
  CodecTimer(const CodecTimer&) = delete;
  CodecTimer& operator=(const CodecTimer&) = delete;

 private:
  const WorkerMetrics& metrics_;
  metrics::Histogram& seconds_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  const double cpu_start_;
};

// Thread-safe. Outlives all handlers.
struct WorkerContext {
  // `log_failure`: as UpscalerCache.
  WorkerContext(WorkerOptions worker_options, std::shared_ptr<UpscalerProvider> provider,
                std::function<void(const std::string& line)> log_failure = {});
  ~WorkerContext();

  // A 503 unless the worker takes requests.
  std::optional<http::Problem> NotServing() const;
  // The problem for a request that Admission refused; counts it.
  http::Problem Refuse(Refusal refusal);
  // How many frames a body of this length probably holds, to admit it before it is read.
  int EstimateFrames(std::optional<uint64_t> body_bytes, uint64_t bytes_per_frame) const;
  // Whose queue a request belongs to: its token and address, or what a trusted proxy says.
  std::string CallerOf(const http::RequestHead& head) const;
  // 422 for an input of this size that is over a limit, or whose result would be.
  std::optional<http::Problem> CheckSize(FrameSize size, int scale) const;

  const WorkerOptions options;
  metrics::Registry registry;
  SpeedMeter speed;
  const WorkerMetrics metrics;
  UpscalerCache cache;
  Admission admission;
  TaskPool pool;
  BatchScheduler scheduler;
  std::atomic<LifeStage> stage{LifeStage::kStarting};
  const std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
};

// What every answer with pixels says about them.
std::vector<http::Field> AnswerFields(const UpscalerKey& key, std::string_view fingerprint);

// The deadline of X-Deadline-Ms (milliseconds left), if any: 400 when it is no whole number from 1
// to 86400000, 504 when it is 0.
struct DeadlineField {
  std::optional<std::chrono::steady_clock::time_point> deadline;
  std::optional<http::Problem> problem;
};
DeadlineField ReadDeadline(const http::RequestHead& head);

}  // namespace octoscale::worker
