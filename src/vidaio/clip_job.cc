#include "vidaio/clip_job.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "planner/arrival_watch.h"
#include "vidaio/answer_size.h"
#include "vidaio/clip_limits.h"
#include "vidaio/clip_plan.h"
#include "vidaio/clip_setup.h"

namespace octoscale {
namespace {

using Clock = std::chrono::steady_clock;

// What the planner decided, and the watch over it while the clip runs.
class DeadlineKeeper {
 public:
  DeadlineKeeper(const ClipJob& job, const ClipEvents& events, Clock::time_point start)
      : job_(job), events_(events), start_(start) {}

  // Chooses, and changes `setup` accordingly. Nothing to do without a deadline. `upscaler`: as for
  // PlanClip().
  Status Plan(FrameUpscaler* upscaler, const CancelToken& cancel, ClipSetup* setup);
  void OnProgress(const PipelineProgress& progress);
  // At the end: never late without a word.
  void OnDone(double seconds) const;
  double planning_seconds() const { return planning_seconds_; }
  double predicted_seconds() const { return predicted_seconds_; }

 private:
  void Say(const std::string& text) const {
    if (events_.notice) events_.notice(text);
  }
  void Warn(const std::string& text) const { events_.warning ? events_.warning(text) : Say(text); }

  const ClipJob& job_;
  const ClipEvents& events_;
  Clock::time_point start_;
  double planning_seconds_ = 0;
  double predicted_seconds_ = 0;
  std::optional<ArrivalWatch> watch_;
};

Status DeadlineKeeper::Plan(FrameUpscaler* upscaler, const CancelToken& cancel, ClipSetup* setup) {
  if (job_.deadline_seconds <= 0) return OkStatus();
  OCTO_ASSIGN_OR_RETURN(const ClipPlan plan, PlanClip(job_, *setup, upscaler, start_, cancel));
  if (!plan.plan.fits) {
    const std::string text = NothingFitsText(plan);
    if (job_.late == LatePolicy::kRefuse) return DeadlineExceeded(job_.input + ": " + text);
    Warn(text + "; going on all the same");
  }
  const Forecast& best = plan.plan.best();
  setup->model.model = best.choice.model;
  setup->pipeline.writer.encoder.preset = best.choice.preset;
  planning_seconds_ = plan.planning_seconds;
  predicted_seconds_ = plan.planning_seconds + best.seconds;
  Say("chosen: " + ChoiceText(best) + "; about " + ShortSeconds(predicted_seconds_) + " of " +
      ShortSeconds(job_.deadline_seconds));
  watch_.emplace(ArrivalWatch::Options{
      .deadline_seconds = job_.deadline_seconds,
      .predicted_seconds = predicted_seconds_,
      .tail_seconds = best.encoder_wall * best.encoder_tail,
      // What is in flight at once comes back in bursts.
      .batch_frames = plan.facts.batch_frames *
                      (upscaler != nullptr ? std::max(1, upscaler->info().batches_in_flight) : 1)});
  return OkStatus();
}

void DeadlineKeeper::OnProgress(const PipelineProgress& progress) {
  double outlook = 0;
  if (watch_) {
    const auto change = watch_->Update(SecondsSince(start_), progress.frames_done,
                                       progress.frames_total, progress.fps);
    outlook = watch_->outlook_seconds();
    if (change == ArrivalWatch::Change::kBecameLate) {
      Warn("it will be late: about " + ShortSeconds(outlook) + " instead of " +
           ShortSeconds(job_.deadline_seconds) + " (" + ShortSeconds(predicted_seconds_) +
           " were predicted)");
    } else if (change == ArrivalWatch::Change::kBecameTimely) {
      Say("in time again: about " + ShortSeconds(outlook));
    }
  }
  if (events_.progress) events_.progress({progress, outlook});
}

void DeadlineKeeper::OnDone(double seconds) const {
  if (job_.deadline_seconds <= 0 || seconds <= job_.deadline_seconds) return;
  Warn("late: " + ShortSeconds(seconds) + " instead of " + ShortSeconds(job_.deadline_seconds));
}

// What a task changes without being asked.
std::vector<std::string> TaskWarnings(const ClipJob& job, const ClipSetup& setup) {
  const Rational aspect = setup.info.video.sample_aspect;
  if (!job.task || aspect.num <= 0 || aspect.num == aspect.den) return {};
  return {"the pixels' shape " + std::to_string(aspect.num) + ":" + std::to_string(aspect.den) +
          " is dropped: answers have square pixels"};
}

Result<std::unique_ptr<FrameUpscaler>> MakeLocal(const ModelRequest& request,
                                                 std::string* precision) {
  OCTO_ASSIGN_OR_RETURN(std::unique_ptr<EngineUpscaler> engine, CreateModelUpscaler(request));
  *precision = PrecisionName(engine->engine().options().precision);
  return std::unique_ptr<FrameUpscaler>(std::move(engine));
}

}  // namespace

double PredictionError(const ClipReport& report) {
  if (report.predicted_seconds <= 0) return 0;
  return (report.predicted_seconds - report.seconds) / (report.seconds - report.planning_seconds);
}

std::string PredictionText(const ClipReport& report) {
  if (report.predicted_seconds <= 0) return {};
  char text[96];
  std::snprintf(text, sizeof(text), "predicted %.2f s, off by %.1f %%", report.predicted_seconds,
                100 * PredictionError(report));
  return text;
}

Result<ClipReport> RunClip(const ClipJob& job, const ClipEvents& events,
                           const CancelToken& cancel) {
  const Clock::time_point start = Clock::now();
  ClipReport report;
  OCTO_ASSIGN_OR_RETURN(ClipSetup setup, SetUpClip(job));
  OCTO_RETURN_IF_ERROR(CheckPipelineOutput(job.input, job.output, setup.pipeline));
  std::unique_ptr<FrameUpscaler> upscaler;
  if (job.make_upscaler) {
    OCTO_ASSIGN_OR_RETURN(upscaler, job.make_upscaler(setup.model));
  }
  DeadlineKeeper keeper(job, events, start);
  OCTO_RETURN_IF_ERROR(keeper.Plan(upscaler.get(), cancel, &setup));
  WriterOptions& writer = setup.pipeline.writer;
  if (job.task) {
    writer.before_naming = [rules =
                                AnswerSizeRules{setup.bytes_max, job.sizes_taken, writer.encoder},
                            cancel, &report](const std::string& path) {
      return FitAnswer(path, rules, cancel, &report.encoded_again);
    };
  }
  if (!upscaler) {
    OCTO_ASSIGN_OR_RETURN(upscaler, MakeLocal(setup.model, &report.precision));
  }
  if (job.frames_max > 0) upscaler = LimitFrames(std::move(upscaler), job.frames_max);
  const std::vector<std::string> warnings = TaskWarnings(job, setup);
  for (const std::string& text : warnings) {
    if (job.pipeline.on_warning) job.pipeline.on_warning(text);
  }
  OCTO_ASSIGN_OR_RETURN(report.video,
                        RunPipeline(
                            job.input, job.output, *upscaler, setup.pipeline,
                            [&](const PipelineProgress& now) { keeper.OnProgress(now); }, cancel));
  report.video.warnings.insert(report.video.warnings.begin(), warnings.begin(), warnings.end());
  report.model = upscaler->info().model;
  report.encoder_preset = writer.encoder.preset;
  report.bytes_max = setup.bytes_max;
  report.seconds = SecondsSince(start);
  report.planning_seconds = keeper.planning_seconds();
  report.predicted_seconds = keeper.predicted_seconds();
  report.deadline_seconds = job.deadline_seconds;
  keeper.OnDone(report.seconds);
  return report;
}

}  // namespace octoscale
