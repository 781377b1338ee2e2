#include "vidaio/clip_plan.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <memory>

#include "models/manifest.h"
#include "planner/calibrate.h"
#include "planner/calibration_file.h"
#include "planner/clip_probe.h"
#include "vidaio/clip_setup.h"

namespace octoscale {
namespace {

using Clock = std::chrono::steady_clock;

// From the slowest preset whose pictures are worth its time to the fastest; other encoders have no
// presets to choose from.
std::vector<std::string> Presets(const EncoderOptions& encoder, bool open) {
  if (!open) return {encoder.preset};
  if (encoder.codec == "libx265" || encoder.codec == "libx264") {
    return {"medium", "fast", "veryfast", "superfast", "ultrafast"};
  }
  if (encoder.codec == "libsvtav1") return {"6", "8", "10", "12"};
  return {encoder.preset};
}

int64_t FramesOf(const ReaderOptions& reader, const VideoStreamInfo& video) {
  int64_t frames = video.frames;
  const double rate = video.frame_rate.value();
  if (frames <= 0 && rate > 0) frames = std::llround(video.duration_seconds * rate);
  const double all = video.duration_seconds;
  if (all > 0 && (reader.start_seconds > 0 || reader.duration_seconds > 0)) {
    double part = std::max(0.0, all - reader.start_seconds);
    if (reader.duration_seconds > 0) part = std::min(part, reader.duration_seconds);
    frames = std::llround(static_cast<double>(frames) * part / all);
  }
  return reader.frames > 0 ? std::min(frames, reader.frames) : frames;
}

std::string Count(int64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

class Planner {
 public:
  Planner(const ClipJob& job, const ClipSetup& setup, FrameUpscaler* upscaler,
          const CancelToken& cancel)
      : job_(job), setup_(setup), upscaler_(upscaler), cancel_(cancel) {}

  Status Run(double deadline, Clock::time_point start, ClipPlan* result);

 private:
  void Load();
  Status MeasureEngine();
  Status MeasureEncoders();
  Status Probe();

  const ClipJob& job_;
  const ClipSetup& setup_;
  FrameUpscaler* upscaler_;
  const CancelToken& cancel_;
  std::string path_ = CalibrationPath();
  Calibration calibration_;
  ModelRequest model_;  // by its canonical name
  std::vector<Choice> choices_;
  ClipFacts facts_;
  bool measured_ = false;
};

void Planner::Load() {
  const int64_t now = time(nullptr);
  const MachineFacts machine = ThisMachine();
  if (!path_.empty() && !job_.recalibrate) {
    auto loaded = LoadCalibration(path_);
    if (loaded.ok() && WhyStale(*loaded, machine, now).empty()) calibration_ = *std::move(loaded);
  }
  if (calibration_.made_unix == 0) {
    calibration_.machine = machine;
    calibration_.made_unix = now;
  }
}

Status Planner::MeasureEngine() {
  model_ = setup_.model;
  if (upscaler_ != nullptr) {
    model_.model = upscaler_->info().model;  // the probe measures it
    return OkStatus();
  }
  OCTO_ASSIGN_OR_RETURN(const ModelEntry* entry, FindManifestEntry(setup_.model.model));
  model_.model = entry->name;
  const double pixels = static_cast<double>(facts_.input.width) * facts_.input.height;
  return CalibrateEngine(model_, pixels, cancel_, &calibration_, &measured_);
}

Status Planner::MeasureEncoders() {
  const EncoderOptions& encoder = setup_.pipeline.writer.encoder;
  const bool presets_open = job_.task ? job_.encoder_preset.empty() : encoder.preset.empty();
  for (const std::string& preset : Presets(encoder, presets_open)) {
    EncoderOptions one = encoder;
    one.preset = preset;
    OCTO_RETURN_IF_ERROR(CalibrateEncoder(one, cancel_, &calibration_, &measured_));
    choices_.push_back(
        {model_.model, std::string(PrecisionName(model_.engine.precision)), encoder.codec, preset});
  }
  return OkStatus();
}

// With the slowest and the fastest preset.
Status Planner::Probe() {
  ProbeRequest request;
  request.input = job_.input;
  request.reader = setup_.pipeline.reader;
  request.model = model_;
  request.upscaler = upscaler_;
  request.upscaler_shares_cores = job_.upscaler_shares_cores;
  request.encoder = setup_.pipeline.writer.encoder;
  request.presets = {choices_.front().preset};
  if (choices_.back().preset != choices_.front().preset) {
    request.presets.push_back(choices_.back().preset);
  }
  OCTO_ASSIGN_OR_RETURN(facts_.probe, ProbeClip(request, calibration_, cancel_));
  return OkStatus();
}

Status Planner::Run(double deadline, Clock::time_point start, ClipPlan* result) {
  const VideoStreamInfo& video = setup_.info.video;
  facts_.input = video.size;
  facts_.scale = setup_.model.engine.scale;
  facts_.frames = FramesOf(setup_.pipeline.reader, video);
  facts_.batch_frames =
      upscaler_ != nullptr ? upscaler_->info().batch_frames : setup_.model.engine.batch_size;
  facts_.engine_threads = setup_.model.engine.threads;
  facts_.engine_elsewhere = upscaler_ != nullptr && !job_.upscaler_shares_cores;
  if (facts_.frames <= 0) {
    return Unsupported(job_.input +
                       ": nobody knows how many frames it has, so its time can't be "
                       "planned; leave out the deadline");
  }
  Load();
  OCTO_RETURN_IF_ERROR(MeasureEngine());
  OCTO_RETURN_IF_ERROR(MeasureEncoders());
  OCTO_RETURN_IF_ERROR(Probe());
  // A calibration that can't be kept is measured again next time.
  if (measured_ && (path_.empty() || !SaveCalibration(calibration_, path_).ok())) path_.clear();
  result->facts = facts_;
  result->machine = calibration_.machine;
  result->calibrated_unix = calibration_.made_unix;
  result->measured_now = measured_;
  result->calibration_path = path_;
  result->planning_seconds = std::chrono::duration<double>(Clock::now() - start).count();
  const double left = deadline > 0 ? std::max(0.001, deadline - result->planning_seconds) : 0;
  result->plan = MakePlan(calibration_, facts_, choices_, left);
  if (result->plan.chosen < 0) return Internal(job_.input + ": no forecast was made");
  return OkStatus();
}

}  // namespace

std::string ShortSeconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof(text), seconds < 9.95 ? "%.1f s" : "%.0f s", seconds);
  return text;
}

Result<ClipPlan> PlanClip(const ClipJob& job, const CancelToken& cancel) {
  const Clock::time_point start = Clock::now();
  OCTO_ASSIGN_OR_RETURN(const ClipSetup setup, SetUpClip(job));
  std::unique_ptr<FrameUpscaler> upscaler;
  if (job.make_upscaler) {
    OCTO_ASSIGN_OR_RETURN(upscaler, job.make_upscaler(setup.model));
  }
  return PlanClip(job, setup, upscaler.get(), start, cancel);
}

Result<ClipPlan> PlanClip(const ClipJob& job, const ClipSetup& setup, FrameUpscaler* upscaler,
                          Clock::time_point start, const CancelToken& cancel) {
  ClipPlan plan;
  plan.deadline_seconds = job.deadline_seconds;
  plan.bytes_max = setup.bytes_max;
  Planner planner(job, setup, upscaler, cancel);
  OCTO_RETURN_IF_ERROR(planner.Run(job.deadline_seconds, start, &plan));
  return plan;
}

std::string ChoiceText(const Forecast& forecast) {
  const Choice& choice = forecast.choice;
  const std::string how =
      forecast.arithmetic.empty() ? " on workers, " : " (" + forecast.arithmetic + "), ";
  return choice.model + how + choice.codec + (choice.preset.empty() ? "" : " " + choice.preset);
}

std::string NothingFitsText(const ClipPlan& plan) {
  const Forecast& fastest = plan.plan.best();
  std::string text = "nothing meets the deadline of " + ShortSeconds(plan.deadline_seconds) +
                     ": the fastest, " + ChoiceText(fastest) + ", takes about " +
                     ShortSeconds(fastest.seconds);
  // Other machines' cores are not counted.
  if (!plan.facts.engine_elsewhere) {
    text += " on " + Count(plan.machine.threads, "core", "cores");
  }
  if (plan.planning_seconds > 1) {
    text += " after " + ShortSeconds(plan.planning_seconds) + " of measuring";
  }
  const Plan& of = plan.plan;
  if (of.cores_needed > 0) {
    text += "; enough would be " + Count(of.cores_needed, "core", "cores") + " like these";
  }
  if (of.machines_needed > 0 && plan.facts.engine_elsewhere) {
    text += "; enough would be " + std::to_string(of.machines_needed) +
            " times as many workers (computed, not measured)";
  } else if (of.machines_needed > 0) {
    text += (of.cores_needed > 0 ? ", or " : "; enough would be ") +
            Count(of.machines_needed, "machine", "machines") +
            " like this one as workers (computed, not measured)";
  }
  return text;
}

}  // namespace octoscale
