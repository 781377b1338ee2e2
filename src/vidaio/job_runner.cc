#include "vidaio/job_runner.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <future>
#include <system_error>
#include <utility>

#include "base/clock.h"
#include "base/file_bytes.h"
#include "base/guarded.h"
#include "http/absolute_url.h"
#include "pipeline/journal_dir.h"
#include "vidaio/clip_job.h"
#include "vidaio/clip_limits.h"
#include "vidaio/clip_plan.h"
#include "vidaio/compliance.h"
#include "vidaio/upscale_request.h"
#include "vidaio/video_container.h"

namespace octoscale {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kRememberedSizes = 256;
constexpr double kShareBeforeUpload = 0.9;  // what is left is for the upload
constexpr double kDeadlineSecondsMin = 0.001;

std::string NameOf(const ClipRecord& clip) {
  return clip.remote ? http::WithoutQuery(clip.source) : clip.source;
}

ClipCodec CodecFor(const std::string& asked) {
  const auto codec = ParseClipCodec(asked);
  if (codec.ok()) return *codec;
  return asked.find("av1") != std::string::npos ? ClipCodec::kAv1 : ClipCodec::kHevc;
}

}  // namespace

std::string JobFolder(const SharedVolume& volume, const JobRecord& job) {
  return volume.work_folder() + "/" + job.folder;
}

// One Run(). Between its threads each clip belongs to one at a time.
class JobRunner::Task {
 public:
  Task(JobRunner& runner, JobRecord* job, const CancelToken& cancel)
      : runner_(runner),
        parts_(runner.parts_),
        job_(*job),
        cancel_(cancel),
        folder_(JobFolder(*parts_.volume, *job)) {}

  bool Run();

 private:
  std::string InputOf(size_t i) const { return folder_ + "/" + std::to_string(i) + ".input"; }
  std::string ResultOf(size_t i) const { return folder_ + "/" + std::to_string(i) + ".mp4"; }
  void Begin();
  bool HasResult(size_t i) const;
  void StartDownloads();
  Result<std::string> WaitForInput(size_t i);
  void DoClip(size_t i);
  Status MakeResult(size_t i);
  Status Upscale(size_t i, const std::string& input);
  Status BeginAttempt(size_t i);
  Result<ClipReport> RunWithJournal(ClipJob clip);
  ClipJob MakeClip(size_t i, const std::string& input) const;
  double SecondsLeft() const;
  double DeadlineOf(size_t i) const;
  Status CheckTimeLeft() const;
  Status Check(const ClipJob& clip) const;
  void StartPublishing(size_t i);
  Status Publish(size_t i);
  Status Upload(size_t i);
  void Close(size_t i, const Status& status);
  void Save(size_t i);
  bool End();
  void Log(const std::string& text) const { parts_.log("task " + job_.id + ": " + text); }
  metrics::Histogram& Seconds(const char* step) const;

  JobRunner& runner_;
  const Parts& parts_;
  JobRecord& job_;
  const CancelToken& cancel_;
  const std::string folder_;
  std::vector<std::future<Status>> downloads_ = std::vector<std::future<Status>>(job_.clips.size());
  std::vector<std::future<void>> publishing_ = std::vector<std::future<void>>(job_.clips.size());
};

metrics::Histogram& JobRunner::Task::Seconds(const char* step) const {
  return parts_.metrics->AddHistogram("octoscale_vidaio_step_seconds",
                                      "Time of one step of one clip.", metrics::SecondsBuckets(),
                                      {{"step", step}});
}

void JobRunner::Task::Begin() {
  job_.state = JobState::kRunning;
  const Status saved = parts_.store->SaveJob(job_);
  if (!saved.ok()) Log(saved.message());
  std::error_code error;
  fs::create_directories(folder_, error);
  fs::permissions(folder_, fs::perms::owner_all, error);
  for (size_t i = 0; i < job_.clips.size(); ++i) {
    ClipRecord& clip = job_.clips[i];
    // Without its file the clip is made again.
    if (clip.state == JobState::kUploading && !HasResult(i)) clip.state = JobState::kQueued;
  }
}

bool JobRunner::Task::HasResult(size_t i) const {
  const ClipRecord& clip = job_.clips[i];
  if (IsThere(ResultOf(i), clip.bytes)) return true;
  return !clip.remote && IsThere(clip.output, clip.bytes);  // it has its name already
}

void JobRunner::Task::StartDownloads() {
  for (size_t i = 0; i < job_.clips.size(); ++i) {
    const ClipRecord& clip = job_.clips[i];
    if (!clip.remote || IsFinished(clip.state) || clip.state == JobState::kUploading ||
        FileBytes(InputOf(i)).ok()) {
      continue;
    }
    downloads_[i] = std::async(std::launch::async, [this, url = clip.source, path = InputOf(i)] {
      const Clock::time_point start = Clock::now();
      const Status status = Download(url, path, parts_.options->download, cancel_);
      Seconds("download").Observe(SecondsSince(start));
      return status;
    });
  }
}

Result<std::string> JobRunner::Task::WaitForInput(size_t i) {
  const ClipRecord& clip = job_.clips[i];
  if (!clip.remote) return parts_.volume->FindInput(clip.input);
  if (downloads_[i].valid()) {
    OCTO_RETURN_IF_ERROR(downloads_[i].get().WithContext("download"));
  }
  return InputOf(i);
}

// Of a task with a deadline; below 0 once it is late.
double JobRunner::Task::SecondsLeft() const {
  return static_cast<double>(job_.created_ms + job_.deadline_ms - UnixMilliseconds()) / 1000;
}

double JobRunner::Task::DeadlineOf(size_t i) const {
  if (job_.deadline_ms <= 0) return 0;
  const auto clips_left =
      std::count_if(job_.clips.begin() + static_cast<ptrdiff_t>(i), job_.clips.end(),
                    [](const ClipRecord& clip) { return !IsFinished(clip.state); });
  const double share = job_.clips[i].remote ? kShareBeforeUpload : 1;
  return std::max(kDeadlineSecondsMin, SecondsLeft() * share / static_cast<double>(clips_left));
}

// Before a clip is begun, maybe by a later process than the one that accepted the task.
Status JobRunner::Task::CheckTimeLeft() const {
  const double left = job_.deadline_ms > 0 ? SecondsLeft() : 1;
  if (left > 0) return OkStatus();
  const std::string text = "the task's deadline of " +
                           ShortSeconds(static_cast<double>(job_.deadline_ms) / 1000) + " passed " +
                           ShortSeconds(-left) + " before this clip was begun";
  if (parts_.options->clip.late == LatePolicy::kRefuse) return DeadlineExceeded(text);
  Log(text + "; going on all the same");
  return OkStatus();
}

ClipJob JobRunner::Task::MakeClip(size_t i, const std::string& input) const {
  ClipJob clip = parts_.options->clip;
  clip.input = input;
  clip.output = ResultOf(i);
  clip.codec = CodecFor(job_.codec);
  if (!job_.model.empty()) clip.model.model = job_.model;
  clip.model.resample = true;
  clip.pipeline.writer.overwrite = true;
  clip.deadline_seconds = DeadlineOf(i);
  clip.frames_max = parts_.options->clip_limits.frames_max;
  return clip;
}

// A journal of an earlier attempt is gone on with when it fits; else the clip is begun anew.
Result<ClipReport> JobRunner::Task::RunWithJournal(ClipJob clip) {
  ClipEvents events;
  events.notice = [this](const std::string& line) { Log(line); };
  const auto kept = FindKeptWork(clip.output);
  if (kept.ok() && kept->has_value()) {
    clip.pipeline.journal.mode = JournalMode::kResume;
    auto report = RunClip(clip, events, cancel_);
    if (report.ok() || cancel_.stopped()) return report;
    Log("the earlier work can't be gone on with (" + report.status().message() +
        "); starting anew");
  }
  std::error_code ignored;
  fs::remove_all(JournalDirectory(clip.output), ignored);
  // Syncing costs time that a deadline doesn't have, and after it what is kept is of no use.
  clip.pipeline.journal.mode = clip.deadline_seconds > 0 ? JournalMode::kNone : JournalMode::kStart;
  return RunClip(clip, events, cancel_);
}

Status JobRunner::Task::Check(const ClipJob& clip) const {
  if (!parts_.options->check_answers) return OkStatus();
  OCTO_ASSIGN_OR_RETURN(const VerifyReport report,
                        CheckAnswer(*clip.task, clip.input, clip.output, cancel_));
  if (report.ok()) return OkStatus();
  return Internal("the result would not be accepted: " + report.Failures());
}

Status JobRunner::Task::Upscale(size_t i, const std::string& input) {
  ClipRecord& record = job_.clips[i];
  OCTO_RETURN_IF_ERROR(CheckVideoFile(input));
  OCTO_ASSIGN_OR_RETURN(const EngineGate::Pass pass, runner_.gate_.Enter(cancel_));
  OCTO_RETURN_IF_ERROR(CheckTimeLeft());
  OCTO_RETURN_IF_ERROR(BeginAttempt(i));
  OCTO_ASSIGN_OR_RETURN(const MediaInfo info, ProbeMedia(input));
  OCTO_RETURN_IF_ERROR(CheckClipLimits(info, job_.scale, parts_.options->clip_limits));
  OCTO_ASSIGN_OR_RETURN(const VidaioTask task, TaskForScale(job_.scale, info.video.size));
  ClipJob clip = MakeClip(i, input);
  clip.task = task;
  OCTO_ASSIGN_OR_RETURN(clip.sizes_taken, parts_.store->RecentSizes(kRememberedSizes));
  OCTO_ASSIGN_OR_RETURN(const ClipReport report, RunWithJournal(clip));
  OCTO_RETURN_IF_ERROR(Check(clip));
  Seconds("upscale").Observe(report.seconds);
  parts_.metrics->AddCounter("octoscale_vidaio_frames_total", "Frames upscaled.")
      .Add(static_cast<double>(report.video.frames));
  Log(NameOf(record) + ": " + std::to_string(report.video.frames) + " frames, " + task.name + ", " +
      report.model + ", " + std::to_string(std::lround(report.seconds * 1000)) + " ms" +
      (report.video.frames_resumed > 0
           ? ", " + std::to_string(report.video.frames_resumed) + " of them from an earlier run"
           : "") +
      (report.predicted_seconds > 0 ? "; " + PredictionText(report) : ""));
  OCTO_ASSIGN_OR_RETURN(record.bytes, FileBytes(clip.output));
  record.attempts = 0;
  record.state = JobState::kUploading;
  Save(i);
  return OkStatus();
}

// Everything that looks into the clip comes after this: a crash there counts.
Status JobRunner::Task::BeginAttempt(size_t i) {
  ClipRecord& clip = job_.clips[i];
  if (clip.attempts >= parts_.options->attempts_max) {
    return Internal("given up: the service ended " + std::to_string(clip.attempts) +
                    " times while it worked on this clip");
  }
  const std::lock_guard lock(runner_.attempts_mutex_);
  if (!runner_.draining_) ++clip.attempts;
  clip.state = JobState::kRunning;
  Save(i);
  return OkStatus();
}

void JobRunner::Task::DoClip(size_t i) {
  const Status status = Guarded("make the result", [&] { return MakeResult(i); });
  if (status.ok()) return StartPublishing(i);
  Close(i, status);
}

Status JobRunner::Task::MakeResult(size_t i) {
  if (job_.clips[i].state == JobState::kUploading) return OkStatus();  // an earlier process did
  OCTO_ASSIGN_OR_RETURN(const std::string input, WaitForInput(i));
  return Upscale(i, input);
}

void JobRunner::Task::StartPublishing(size_t i) {
  publishing_[i] = std::async(std::launch::async, [this, i] {
    Close(i, Guarded("publish the result",
                     [&] { return job_.clips[i].remote ? Upload(i) : Publish(i); }));
  });
}

Status JobRunner::Task::Publish(size_t i) {
  const ClipRecord& clip = job_.clips[i];
  if (!FileBytes(ResultOf(i)).ok() && HasResult(i)) return OkStatus();
  return parts_.files->Publish(ResultOf(i), clip.output);
}

Status JobRunner::Task::Upload(size_t i) {
  ClipRecord& clip = job_.clips[i];
  if (parts_.s3 == nullptr) return InvalidArgument("the S3 storage is not set up");
  const Clock::time_point start = Clock::now();
  const Status put = parts_.s3->Put(ResultOf(i), clip.key, cancel_);
  if (!put.ok()) return put.WithContext("S3 upload failed");
  Seconds("upload").Observe(SecondsSince(start));
  const S3Client::PresignedUrl url = parts_.s3->Presign(clip.key, std::chrono::system_clock::now());
  clip.url = url.url;
  clip.url_expires_s = std::chrono::system_clock::to_time_t(url.expires);
  return OkStatus();
}

// Stopped clips stay as they are, for the next process.
void JobRunner::Task::Close(size_t i, const Status& status) {
  ClipRecord& clip = job_.clips[i];
  if (!status.ok() && cancel_.stopped()) return;
  clip.state = status.ok() ? JobState::kDone : JobState::kFailed;
  if (!status.ok()) {
    const bool named = status.message().find(NameOf(clip)) != std::string::npos;
    clip.error = named ? status.message() : NameOf(clip) + ": " + status.message();
    Log(clip.error);
  }
  parts_.metrics
      ->AddCounter("octoscale_vidaio_clips_total", "Clips that ended.",
                   {{"result", std::string(JobStateName(clip.state))}})
      .Add();
  Save(i);
}

void JobRunner::Task::Save(size_t i) {
  const Status saved = parts_.store->SaveClip(job_, i);
  if (!saved.ok()) Log(saved.message());
}

bool JobRunner::Task::End() {
  const auto in_state = [this](JobState state) {
    return std::any_of(job_.clips.begin(), job_.clips.end(),
                       [state](const ClipRecord& clip) { return clip.state == state; });
  };
  const bool all = std::all_of(job_.clips.begin(), job_.clips.end(),
                               [](const ClipRecord& clip) { return IsFinished(clip.state); });
  if (!all) {
    job_.state = JobState::kQueued;
    static_cast<void>(parts_.store->SaveJob(job_));
    return false;
  }
  job_.state = in_state(JobState::kFailed) ? JobState::kFailed : JobState::kDone;
  job_.finished_s = UnixSeconds();
  job_.taken_ms = std::max<int64_t>(1, UnixMilliseconds() - job_.created_ms);
  return true;
}

bool JobRunner::Task::Run() {
  Begin();
  StartDownloads();
  for (size_t i = 0; i < job_.clips.size(); ++i) {
    if (!IsFinished(job_.clips[i].state)) DoClip(i);
  }
  job_.state = JobState::kUploading;
  static_cast<void>(parts_.store->SaveJob(job_));
  for (std::future<void>& step : publishing_) {
    if (step.valid()) step.get();
  }
  for (std::future<Status>& download : downloads_) {
    if (download.valid()) download.wait();
  }
  return End();
}

bool JobRunner::Run(JobRecord* job, const CancelToken& cancel) {
  return Task(*this, job, cancel).Run();
}

void JobRunner::BeginDrain() {
  const std::lock_guard lock(attempts_mutex_);
  if (draining_) return;
  draining_ = true;
  const Status saved = parts_.store->UncountRunning();
  if (!saved.ok()) parts_.log(saved.message());
}

}  // namespace octoscale
