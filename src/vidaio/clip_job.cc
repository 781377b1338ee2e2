#include "vidaio/clip_job.h"

#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <utility>

#include "vidaio/answer_size.h"
#include "video/media_info.h"

namespace octoscale {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Result<int64_t> FileBytes(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, path);
  return int64_t{info.st_size};
}

// A clip on its way: what is asked, filled in step by step.
struct ClipRun {
  ModelRequest model;
  PipelineOptions pipeline;
  int64_t bytes_max = 0;
  bool encoded_again = false;
};

Status CheckWholeClip(const ReaderOptions& reader) {
  if (reader.start_seconds == 0 && reader.duration_seconds == 0 && reader.frames == 0) {
    return OkStatus();
  }
  return InvalidArgument(
      "a task is answered with the whole clip; leave out --start, --duration "
      "and --frames");
}

Status ApplyTask(const ClipJob& job, const CancelToken& cancel, ClipRun* run) {
  OCTO_RETURN_IF_ERROR(CheckWholeClip(job.pipeline.reader));
  OCTO_ASSIGN_OR_RETURN(const MediaInfo info, ProbeMedia(job.input));
  OCTO_ASSIGN_OR_RETURN(const int64_t bytes, FileBytes(job.input));
  if (run->model.model.empty()) {
    run->model.model = job.task->model;
    run->model.resample = true;
  }
  run->model.engine.scale = job.task->scale;
  const PresetRequest preset{*job.task, job.codec, job.quality, job.encoder_preset};
  OCTO_RETURN_IF_ERROR(ApplyPreset(preset, info, bytes, job.output, &run->pipeline));
  run->bytes_max = AnswerBytesMax(*job.task, bytes);
  const AnswerSizeRules rules{run->bytes_max, job.sizes_taken, run->pipeline.writer.encoder};
  run->pipeline.writer.before_naming = [rules, cancel, run](const std::string& path) {
    return FitAnswer(path, rules, cancel, &run->encoded_again);
  };
  return OkStatus();
}

Result<std::unique_ptr<FrameUpscaler>> MakeUpscaler(const ClipJob& job, const ModelRequest& request,
                                                    std::string* precision) {
  if (job.make_upscaler) return job.make_upscaler(request);
  OCTO_ASSIGN_OR_RETURN(std::unique_ptr<EngineUpscaler> engine, CreateModelUpscaler(request));
  *precision = PrecisionName(engine->engine().options().precision);
  return std::unique_ptr<FrameUpscaler>(std::move(engine));
}

}  // namespace

Result<ClipReport> RunClip(const ClipJob& job, const ClipEvents& events,
                           const CancelToken& cancel) {
  const Clock::time_point start = Clock::now();
  ClipReport report;
  ClipRun run;
  run.model = job.model;
  run.pipeline = job.pipeline;
  if (job.task) OCTO_RETURN_IF_ERROR(ApplyTask(job, cancel, &run));
  OCTO_RETURN_IF_ERROR(CheckPipelineOutput(job.input, job.output, run.pipeline));
  OCTO_ASSIGN_OR_RETURN(const std::unique_ptr<FrameUpscaler> upscaler,
                        MakeUpscaler(job, run.model, &report.precision));
  const auto on_progress = [&events](const PipelineProgress& progress) {
    if (events.progress) events.progress({progress, 0});
  };
  OCTO_ASSIGN_OR_RETURN(report.video, RunPipeline(job.input, job.output, *upscaler, run.pipeline,
                                                  on_progress, cancel));
  report.model = upscaler->info().model;
  report.encoder_preset = run.pipeline.writer.encoder.preset;
  report.bytes_max = run.bytes_max;
  report.encoded_again = run.encoded_again;
  report.seconds = SecondsSince(start);
  return report;
}

}  // namespace octoscale
