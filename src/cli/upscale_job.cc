#include "cli/upscale_job.h"

#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/partial_file.h"
#include "cli/exit_code.h"
#include "cli/media_files.h"
#include "image/image_upscaler.h"
#include "pipeline/journal_dir.h"

namespace octoscale {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

bool SameFile(const std::string& a, const std::string& b) {
  std::error_code error;
  return fs::equivalent(a, b, error) && !error;
}

Status OutputExists(const std::string& output) {
  return AlreadyExists(output + " exists; use -y to replace it, or choose another name");
}

Status CheckVideoOutput(const std::string& input, const std::string& output,
                        const PipelineOptions& options) {
  const Status status = CheckPipelineOutput(input, output, options);
  return status.code() == StatusCode::kAlreadyExists ? OutputExists(output) : status;
}

Status CheckPictureOutput(const std::string& input, const std::string& output, bool overwrite) {
  if (!ImageFormatFromPath(output)) {
    return InvalidArgument(output + ": " + input +
                           " is a picture; its output's name ends in .png, .jpg, .jpeg or .webp");
  }
  const Status checked = CheckOutputPath(input, output, overwrite);
  return checked.code() == StatusCode::kAlreadyExists ? OutputExists(output) : checked;
}

// Errors after which trying again may help.
bool IsPassing(StatusCode code) {
  switch (code) {
    case StatusCode::kCancelled:
    case StatusCode::kResourceExhausted:
    case StatusCode::kUnavailable:
    case StatusCode::kDeadlineExceeded:
    case StatusCode::kIoError:
    case StatusCode::kInternal:
      return true;
    default:
      return false;
  }
}

// The status of a video that was not finished, with what was kept of it and how to go on.
Status ExplainInterruption(const Status& status, const std::string& output, bool journal) {
  if (!IsPassing(status.code())) return status;
  const bool interrupted = status.code() == StatusCode::kCancelled;
  const auto kept = FindKeptWork(output);
  if (!journal || !kept.ok() || !kept->has_value()) {
    if (!interrupted) return status;
    return Cancelled("interrupted; " + output +
                     " was not written and nothing is kept; run the same command again");
  }
  const std::string hint = std::to_string((*kept)->frames) + " frames are kept in " +
                           (*kept)->directory +
                           "; run the same command with --resume to go on with them";
  return Status(status.code(), (interrupted ? "interrupted" : status.message()) + "; " + hint);
}

class JobRunner {
 public:
  JobRunner(const UpscaleJob& job, const CancelToken& cancel, bool folder)
      : job_(job), cancel_(cancel), printer_(job.progress, folder) {
    printer_.ShowWorkers(job.workers);
  }

  Result<FileSummary> RunFile(const std::string& input, const std::string& output);
  int RunFiles();
  ProgressPrinter& printer() { return printer_; }

 private:
  Result<FileSummary> RunPicture(const std::string& input, const std::string& output);
  Result<FileSummary> RunVideo(const std::string& input, const std::string& output);
  Result<FileSummary> RunTask(const std::string& input, const std::string& output);
  Result<FrameUpscaler*> Upscaler();
  bool FinishedEarlier(const std::string& output) const;

  const UpscaleJob& job_;
  const CancelToken& cancel_;
  ProgressPrinter printer_;
  std::unique_ptr<FrameUpscaler> upscaler_;
};

Result<FrameUpscaler*> JobRunner::Upscaler() {
  if (!upscaler_ && job_.make_upscaler) {
    OCTO_ASSIGN_OR_RETURN(upscaler_, job_.make_upscaler(job_.model));
  }
  if (!upscaler_) {
    OCTO_ASSIGN_OR_RETURN(upscaler_, CreateModelUpscaler(job_.model));
  }
  return upscaler_.get();
}

Result<FileSummary> JobRunner::RunPicture(const std::string& input, const std::string& output) {
  const Clock::time_point start = Clock::now();
  OCTO_RETURN_IF_ERROR(CheckPictureOutput(input, output, job_.overwrite));
  OCTO_ASSIGN_OR_RETURN(Image image, ReadImageFile(input));
  if (image.alpha && ImageFormatFromPath(output) == ImageFormat::kJpeg) {
    return InvalidArgument(output + ": " + input +
                           " has transparency, which JPEG can't hold; name a .png");
  }
  if (image.frame.sample_type() == SampleType::kU16 &&
      ImageFormatFromPath(output) != ImageFormat::kPng) {
    printer_.Warn(output + ": pixels are reduced from 16 to 8 bits; .png keeps them");
  }
  OCTO_ASSIGN_OR_RETURN(FrameUpscaler * upscaler, Upscaler());
  auto upscaled = UpscaleImage(std::move(image), *upscaler, cancel_);
  if (!upscaled.ok()) return upscaled.status().WithContext(input);
  OCTO_RETURN_IF_ERROR(WriteImageFile(output, *upscaled, job_.image, job_.overwrite));
  return FileSummary{
      output, 1, upscaled->frame.width(), upscaled->frame.height(), SecondsSince(start), 0};
}

Result<FileSummary> JobRunner::RunVideo(const std::string& input, const std::string& output) {
  const Clock::time_point start = Clock::now();
  OCTO_RETURN_IF_ERROR(CheckVideoOutput(input, output, job_.pipeline));
  OCTO_ASSIGN_OR_RETURN(FrameUpscaler * upscaler, Upscaler());
  const auto on_progress = [this](const PipelineProgress& p) {
    printer_.Update(p.frames_done, p.frames_total, p.fps);
  };
  PipelineOptions options = job_.pipeline;
  options.on_warning = [this](const std::string& text) { printer_.Warn(text); };
  const auto report = RunPipeline(input, output, *upscaler, options, on_progress, cancel_);
  if (!report.ok()) {
    const bool journal = job_.pipeline.journal.mode != JournalMode::kNone;
    return ExplainInterruption(report.status(), output, journal);
  }
  return FileSummary{output,         report->frames,      report->width,
                     report->height, SecondsSince(start), report->frames_resumed};
}

Result<FileSummary> JobRunner::RunTask(const std::string& input, const std::string& output) {
  ClipJob clip = *job_.clip;
  clip.input = input;
  clip.output = output;
  clip.make_upscaler = job_.make_upscaler;
  clip.pipeline.on_warning = [this](const std::string& text) { printer_.Warn(text); };
  if (clip.task) clip.pipeline.writer.encoder.codec = ClipEncoder(clip.codec);
  OCTO_RETURN_IF_ERROR(CheckVideoOutput(input, output, clip.pipeline));
  ClipEvents events;
  events.notice = [this](const std::string& text) { printer_.Note(text); };
  events.warning = [this](const std::string& text) { printer_.Alert(text); };
  events.progress = [this](const ClipProgress& p) {
    printer_.Update(p.pipeline.frames_done, p.pipeline.frames_total, p.pipeline.fps);
  };
  const auto report = RunClip(clip, events, cancel_);
  if (!report.ok()) {
    const bool journal = clip.pipeline.journal.mode != JournalMode::kNone;
    return ExplainInterruption(report.status(), output, journal);
  }
  FileSummary summary{
      output,          report->video.frames,        report->video.width, report->video.height,
      report->seconds, report->video.frames_resumed};
  summary.clip = *report;
  return summary;
}

Result<FileSummary> JobRunner::RunFile(const std::string& input, const std::string& output) {
  OCTO_ASSIGN_OR_RETURN(const MediaKind kind, KindOfFile(input));
  if (kind == MediaKind::kVideo) {
    return job_.clip ? RunTask(input, output) : RunVideo(input, output);
  }
  if (job_.clip)
    return InvalidArgument(input + ": is a picture; tasks and deadlines are of videos");
  auto done = RunPicture(input, output);
  if (done.ok()) return done;
  return ExplainInterruption(done.status(), output, false);
}

Status PrepareOutputFolder(const UpscaleJob& job) {
  std::error_code error;
  const bool several = job.inputs.size() > 1;
  if (fs::exists(job.output, error) && !fs::is_directory(job.output, error)) {
    return InvalidArgument(job.output + ": " +
                           (several
                                ? "several inputs need a folder for their outputs"
                                : job.inputs[0] + " is a folder, so the output must be one too") +
                           ", not a file");
  }
  for (const std::string& input : job.inputs) {
    if (!SameFile(input, job.output)) continue;
    return InvalidArgument(job.output + ": the output folder is the input folder; choose another");
  }
  fs::create_directories(job.output, error);
  return error ? ErrnoStatus(error.value(), job.output) : OkStatus();
}

// An output appears only when it is complete: going on with a folder leaves those that are there.
bool JobRunner::FinishedEarlier(const std::string& output) const {
  if (job_.pipeline.journal.mode != JournalMode::kResume || job_.overwrite) return false;
  std::error_code error;
  if (!fs::exists(output, error)) return false;
  RemoveEmptyJournalDirectory(output);
  const auto kept = FindKeptWork(output);
  return kept.ok() && !kept->has_value();
}

int JobRunner::RunFiles() {
  const Clock::time_point start = Clock::now();
  const auto fail = [this](const Status& status) {
    printer_.JobFailed(status);
    return ExitCode(status.code());
  };
  const auto files = ListFiles(job_.inputs, job_.output, job_.pipeline.writer.encoder.codec);
  if (!files.ok()) return fail(files.status());
  if (const Status status = PrepareOutputFolder(job_); !status.ok()) return fail(status);
  // What is wrong with the engine's options is wrong for every file.
  if (!job_.clip) {
    if (const auto upscaler = Upscaler(); !upscaler.ok()) return fail(upscaler.status());
  }

  FolderSummary summary;
  for (const ListedFile& file : *files) {
    if (FinishedEarlier(file.output)) {
      ++summary.files;
      printer_.FileSkipped(file.output);
      continue;
    }
    const auto done = RunFile(file.input, file.output);
    if (!done.ok() && cancel_.stopped()) return fail(done.status());
    ++summary.files;
    if (done.ok()) {
      summary.frames += done->frames;
      summary.frames_resumed += done->frames_resumed;
      printer_.FileDone(*done);
    } else {
      ++summary.failed;
      printer_.FileFailed(file.input, done.status());
    }
  }
  summary.seconds = SecondsSince(start);
  printer_.WorkersDone();
  printer_.FolderDone(summary);
  return summary.failed == 0 ? kExitDone : kExitFailed;
}

}  // namespace

int RunUpscaleJob(const UpscaleJob& job, const CancelToken& cancel) {
  std::error_code error;
  const std::string& input = job.inputs[0];
  const bool several = job.inputs.size() > 1 || fs::is_directory(input, error);
  JobRunner runner(job, cancel, several);
  if (several) return runner.RunFiles();
  const auto done = runner.RunFile(input, job.output);
  runner.printer().WorkersDone();
  if (done.ok()) {
    runner.printer().FileDone(*done);
    return kExitDone;
  }
  runner.printer().JobFailed(done.status());
  return ExitCode(done.status().code());
}

}  // namespace octoscale
