#include "worker/worker_context.h"

#include <algorithm>
#include <charconv>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/process_usage.h"

namespace octoscale::worker {
namespace {

SchedulerMetrics MakeSchedulerMetrics(metrics::Registry* r, SpeedMeter* speed) {
  SchedulerMetrics m;
  m.speed = speed;
  m.frames = &r->AddCounter("octoscale_frames_total", "Frames upscaled.");
  m.executions = &r->AddCounter("octoscale_executions_total",
                                "Batches computed; frames / executions is the mean batch.");
  m.failed_executions =
      &r->AddCounter("octoscale_failed_executions_total", "Batches that failed or were stopped.");
  m.merged_executions = &r->AddCounter("octoscale_merged_executions_total",
                                       "Batches with frames of several requests.");
  m.queue_seconds = &r->AddHistogram("octoscale_queue_seconds",
                                     "Wait of a batch's parts from decoded to running.",
                                     metrics::SecondsBuckets());
  m.inference_seconds =
      &r->AddHistogram("octoscale_inference_seconds", "Time of one batch, without loading a model.",
                       metrics::SecondsBuckets());
  return m;
}

}  // namespace

const char* LifeStageName(LifeStage stage) {
  switch (stage) {
    case LifeStage::kStarting:
      return "starting";
    case LifeStage::kReady:
      return "ready";
    case LifeStage::kDraining:
      return "draining";
    case LifeStage::kFailed:
      return "failed";
  }
  return "failed";
}

WorkerMetrics::WorkerMetrics(metrics::Registry* r, SpeedMeter* speed)
    : registry(r),
      scheduler(MakeSchedulerMetrics(r, speed)),
      decode_seconds(r->AddHistogram("octoscale_decode_seconds", "Time to decode one picture.",
                                     metrics::SecondsBuckets())),
      encode_seconds(r->AddHistogram("octoscale_encode_seconds", "Time to encode one result.",
                                     metrics::SecondsBuckets())),
      codec_cpu_seconds(r->AddCounter("octoscale_codec_cpu_seconds_total",
                                      "Processor time of decoding and encoding.")) {
  for (const char* reason :
       {"queue_full", "caller_quota", "memory", "starting", "draining", "connections"}) {
    Rejected(reason);  // present from the start, so that rates can be taken
  }
}

CodecTimer::CodecTimer(const WorkerMetrics& metrics, metrics::Histogram& seconds)
    : metrics_(metrics), seconds_(seconds), cpu_start_(ThreadCpuSeconds()) {}

CodecTimer::~CodecTimer() {
  seconds_.Observe(SecondsSince(start_));
  metrics_.codec_cpu_seconds.Add(ThreadCpuSeconds() - cpu_start_);
}

metrics::Counter& WorkerMetrics::Rejected(const char* reason) const {
  return registry->AddCounter("octoscale_rejected_total",
                              "Requests and connections refused for want of room.",
                              {{"reason", reason}});
}

WorkerContext::WorkerContext(WorkerOptions worker_options,
                             std::shared_ptr<UpscalerProvider> provider,
                             std::function<void(const std::string&)> log_failure)
    : options(std::move(worker_options)),
      metrics(&registry, &speed),
      cache(std::move(provider), options.engines_max, std::move(log_failure)),
      admission({options.queue_frames_max, options.caller_frames_max, options.queue_bytes_max}),
      pool(options.codec_threads > 0 ? options.codec_threads : AvailableCores()),
      scheduler({options.batch_frames, 1, options.batch_delay_max, options.output_bytes_max},
                &cache, metrics.scheduler) {}

WorkerContext::~WorkerContext() {
  scheduler.Stop();
  pool.Stop();
}

std::optional<http::Problem> WorkerContext::NotServing() const {
  const LifeStage now = stage;
  if (now == LifeStage::kReady) return std::nullopt;
  if (now == LifeStage::kStarting || now == LifeStage::kDraining) {
    metrics.Rejected(LifeStageName(now)).Add();
  }
  http::Problem problem =
      http::Problem::Make(503, std::string("this worker is ") + LifeStageName(now));
  problem.retry_after_s = 1;
  return problem;
}

http::Problem WorkerContext::Refuse(Refusal refusal) {
  metrics.Rejected(RefusalName(refusal)).Add();
  const bool quota = refusal == Refusal::kCallerQuota;
  http::Problem problem = http::Problem::Make(
      quota ? 429 : 503,
      quota ? "this caller has as many frames waiting as it may"
            : (refusal == Refusal::kMemory ? "the queue has no memory left for this request"
                                           : "the queue is full"));
  problem.retry_after_s = RetryAfterSeconds(admission.frames(), speed.FramesPerBusySecond());
  return problem;
}

int WorkerContext::EstimateFrames(std::optional<uint64_t> body_bytes,
                                  uint64_t bytes_per_frame) const {
  const auto most = static_cast<uint64_t>(std::min(options.batch_frames, options.frames_max));
  return static_cast<int>(
      std::clamp<uint64_t>(body_bytes.value_or(UINT64_MAX) / bytes_per_frame, 1, most));
}

std::string WorkerContext::CallerOf(const http::RequestHead& head) const {
  if (!options.caller_field.empty()) {
    const std::string_view named = head.Header(options.caller_field);
    if (!named.empty()) return std::string(named.substr(0, 100));
  }
  return std::to_string(head.token_index) + " " + head.peer_group;
}

std::optional<http::Problem> WorkerContext::CheckSize(FrameSize size, int scale) const {
  const auto pixels = [](FrameSize s) { return int64_t{s.width} * s.height; };
  const std::string found = std::to_string(size.width) + "x" + std::to_string(size.height);
  const int side_max = std::min(options.side_px_max, kFrameSideMax / scale);
  if (size.width > side_max || size.height > side_max) {
    return http::Problem::Make(422, found + " pixels: a side may have " + std::to_string(side_max) +
                                        " at scale " + std::to_string(scale));
  }
  const int64_t pixels_max =
      std::min(options.pixels_max, options.output_pixels_max / (int64_t{scale} * scale));
  if (pixels(size) > pixels_max) {
    return http::Problem::Make(422, found + ": a picture may have " + std::to_string(pixels_max) +
                                        " pixels at scale " + std::to_string(scale));
  }
  return std::nullopt;
}

std::vector<http::Field> AnswerFields(const UpscalerKey& key, std::string_view fingerprint) {
  return {{"X-Octoscale-Model", key.model},
          {"X-Octoscale-Scale", std::to_string(key.scale)},
          {"X-Octoscale-Fingerprint", std::string(fingerprint)}};
}

DeadlineField ReadDeadline(const http::RequestHead& head) {
  DeadlineField field;
  const std::string_view text = head.Header("X-Deadline-Ms");
  if (text.empty()) return field;
  int64_t left_ms = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, left_ms);
  if (parsed.ec != std::errc() || parsed.ptr != end || left_ms < 0 || left_ms > 86'400'000) {
    field.problem = http::Problem::Make(
        400, "expected milliseconds left, a whole number from 1 to 86400000", "X-Deadline-Ms");
  } else if (left_ms == 0) {
    field.problem = http::Problem::Make(504, "the deadline had passed already", "X-Deadline-Ms");
  } else {
    field.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(left_ms);
  }
  return field;
}

}  // namespace octoscale::worker
