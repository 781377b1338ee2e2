#include "cli/video2x_job.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "cli/key_reader.h"

namespace octoscale {
namespace {

constexpr std::chrono::milliseconds kTick{100};

// Frames that go nowhere: what is measured is decoding and upscaling.
class DiscardingSink : public FrameSink {
 public:
  const PictureFormat& format() const override { return format_; }
  Status Write(int64_t, SinkFrame) override {
    ++frames_;
    return OkStatus();
  }
  Result<SinkReport> Finish(bool) override {
    SinkReport report;
    report.writer.frames = frames_;
    return report;
  }

 private:
  PictureFormat format_;
  int64_t frames_ = 0;
};

Result<int64_t> CountFrames(const std::string& path, const CancelToken& cancel) {
  OCTO_ASSIGN_OR_RETURN(const std::unique_ptr<VideoReader> reader,
                        VideoReader::Open(path, ReaderOptions(), cancel));
  while (true) {
    OCTO_ASSIGN_OR_RETURN(const std::optional<Picture> picture, reader->Next());
    if (!picture) return reader->pictures();
  }
}

}  // namespace

Video2xJob::Video2xJob(const Video2xArgs& args, Video2xConsole* console, const CancelToken& cancel)
    : args_(args), console_(console), cancel_(cancel) {}

double Video2xJob::Seconds() const {
  const Clock::time_point now = paused_ ? pause_start_ : Clock::now();
  return std::chrono::duration<double>(now - start_ - pauses_).count();
}

void Video2xJob::TogglePause() {
  if (paused_) {
    pauses_ += Clock::now() - pause_start_;
    paused_ = false;
    console_->ShowStatus("Processing resumed.");
  } else {
    pause_start_ = Clock::now();
    paused_ = true;
    console_->ShowStatus("Processing paused; press [space] to resume, [q] to abort.");
  }
}

void Video2xJob::OnKey(char key) {
  if (key == ' ' || key == '\n') TogglePause();
  if ((key == 'q' || key == 'Q') && !cancel_.stopped()) {
    console_->Log(Video2xLevel::kWarning, "Aborting; press Ctrl+C twice to stop at once.");
    cancel_.Cancel();
  }
}

// Keys and progress until the pipeline has ended.
void Video2xJob::Watch() {
  KeyReader keys;
  if (keys.active()) {
    console_->Log(Video2xLevel::kInfo, "Press [space] to pause/resume, [q] to abort.");
  }
  Clock::time_point next = Clock::now();
  while (!ended_) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
    if (const auto key = keys.Next(std::clamp(left, std::chrono::milliseconds(1), kTick))) {
      OnKey(*key);
    }
    if (Clock::now() < next) continue;
    next = Clock::now() + kTick;
    if (!args_.progress || paused_ || cancel_.stopped()) continue;
    const Video2xProgress progress{frames_done_, frames_total_, Seconds()};
    if (progress.frames_done > 0 || progress.frames_total > 0) {
      console_->ShowStatus(Video2xProgressText(progress));
    }
  }
  // The last state, however short the run was.
  if (args_.progress && frames_done_ > 0 && !cancel_.stopped()) {
    console_->ShowStatus(Video2xProgressText({frames_done_, frames_total_, Seconds()}));
  }
}

ProgressCallback Video2xJob::OnProgress() {
  return [this](const PipelineProgress& progress) {
    frames_total_ = progress.frames_total;
    frames_done_ = progress.frames_done;
  };
}

std::function<void(const std::string&)> Video2xJob::OnWarning() {
  return [this](const std::string& text) { console_->Log(Video2xLevel::kWarning, text); };
}

Status Video2xJob::CutTail(PipelineOptions* options) {
  if (args_.drop_tail == 0) return OkStatus();
  OCTO_ASSIGN_OR_RETURN(const int64_t frames, CountFrames(args_.input, cancel_));
  if (frames <= args_.drop_tail) {
    return InvalidArgument(args_.input +
                           ": OCTOSCALE_VIDEO2X_DROP_TAIL=" + std::to_string(args_.drop_tail) +
                           " leaves nothing of " + std::to_string(frames) + " frames");
  }
  options->reader.frames = frames - args_.drop_tail;
  console_->Log(Video2xLevel::kInfo, "Leaving out the last " + std::to_string(args_.drop_tail) +
                                         " of " + std::to_string(frames) + " frames");
  return OkStatus();
}

Result<int64_t> Video2xJob::Encode(FrameUpscaler& upscaler) {
  PipelineOptions options;
  options.writer = args_.writer;
  options.paused = &paused_;
  options.on_warning = OnWarning();
  OCTO_RETURN_IF_ERROR(CutTail(&options));
  auto report = RunPipeline(args_.input, args_.output, upscaler, options, OnProgress(), cancel_);
  OCTO_RETURN_IF_ERROR(report.status());
  return report->frames;
}

Result<int64_t> Video2xJob::Discard(FrameUpscaler& upscaler) {
  PipelineOptions options;
  options.paused = &paused_;
  options.on_warning = OnWarning();
  OCTO_RETURN_IF_ERROR(CutTail(&options));
  DiscardingSink sink;
  OCTO_ASSIGN_OR_RETURN(const SinkReport report, RunPipelineInto(sink, args_.input, upscaler,
                                                                 options, OnProgress(), cancel_));
  return report.writer.frames;
}

Result<int64_t> Video2xJob::Process() {
  if (!args_.benchmark) {
    OCTO_RETURN_IF_ERROR(CheckOutput(args_.input, args_.output, args_.writer));
  }
  OCTO_ASSIGN_OR_RETURN(const MediaInfo info, ProbeMedia(args_.input));
  frames_total_ = std::max<int64_t>(0, info.video.frames - args_.drop_tail);
  OCTO_ASSIGN_OR_RETURN(const std::unique_ptr<EngineUpscaler> upscaler,
                        CreateEngineUpscaler(args_.engine));
  OCTO_RETURN_IF_ERROR(cancel_.Check());
  return args_.benchmark ? Discard(*upscaler) : Encode(*upscaler);
}

Result<Video2xSummary> Video2xJob::Run() {
  start_ = Clock::now();
  std::optional<Result<int64_t>> frames;
  std::thread worker([&] {
    try {
      frames = Process();
    } catch (const std::exception& error) {
      frames = Internal(error.what());
    }
    ended_ = true;
  });
  Watch();
  worker.join();
  if (!frames->ok()) return frames->status();
  return Video2xSummary{**frames, Seconds()};
}

}  // namespace octoscale
