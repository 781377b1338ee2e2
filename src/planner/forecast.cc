#include "planner/forecast.h"

#include <algorithm>

#include "planner/encoder_delay.h"
#include "planner/stopwatch.h"

namespace octoscale {
namespace {

// Opening the files, closing and naming the output.
constexpr double kFilesSeconds = 0.1;

// A machine that gives us less is not planned for.
constexpr double kCoreShareMin = 0.02;

// Cores or machines that are asked for.
constexpr int64_t kCountMax = 10'000;

double ShareOf(const ClipFacts& facts) { return std::max(kCoreShareMin, facts.probe.core_share); }

double CoresOf(const Calibration& calibration) { return std::max(1, calibration.machine.threads); }

// From the start to the complete file, on so many cores and with an engine that takes so long. On
// few cores all parts share them; on many, the slowest part sets the pace and the others only add
// what they do before its first and after its last frame.
double SecondsOf(const Forecast& forecast, double cpu, double cores, double engine_wall) {
  const double engine_bound = engine_wall + forecast.encoder_wall * forecast.encoder_tail;
  const double encoder_bound = forecast.encoder_wall + engine_wall * forecast.engine_lead;
  return forecast.start_seconds + std::max({cpu / cores, engine_bound, encoder_bound});
}

double CpuOf(const Forecast& forecast) {
  return forecast.engine_cpu + forecast.encoder_cpu + forecast.other_cpu;
}

bool Fits(double seconds, double seconds_left) {
  return seconds_left <= 0 || seconds * kSafetyFactor <= seconds_left;
}

// The least number for which `seconds` fits, or 0.
template <typename Seconds>
int64_t LeastThatFits(double seconds_left, const Seconds& seconds) {
  for (int64_t count = 1; count <= kCountMax; ++count) {
    if (Fits(seconds(static_cast<double>(count)), seconds_left)) return count;
  }
  return 0;
}

// How far an encoder can use more cores was not measured: its own time is taken not to shrink, so
// where that alone is too long nothing is said to be enough.
void CountNeeds(const Calibration& calibration, const ClipFacts& facts, double seconds_left,
                Plan* plan) {
  const auto fastest =
      std::min_element(plan->forecasts.begin(), plan->forecasts.end(),
                       [](const Forecast& a, const Forecast& b) { return a.seconds < b.seconds; });
  const double share = ShareOf(facts);
  const double cores_here = CoresOf(calibration);
  if (!facts.engine_elsewhere) {
    plan->cores_needed = LeastThatFits(seconds_left, [&](double cores) {
      const double faster = facts.engine_threads > 0 ? 1 : cores / cores_here;
      return SecondsOf(*fastest, CpuOf(*fastest), cores * share, fastest->engine_wall / faster);
    });
  }
  const double cpu = CpuOf(*fastest) - (facts.engine_elsewhere ? 0 : fastest->engine_cpu);
  plan->machines_needed = LeastThatFits(seconds_left, [&](double machines) {
    return SecondsOf(*fastest, cpu, cores_here * share, fastest->engine_wall / machines);
  });
}

}  // namespace

std::optional<Forecast> ForecastClip(const Calibration& calibration, const ClipFacts& facts,
                                     const Choice& choice) {
  const double pixels_in = PixelsOf(facts.input);
  const ClipProbe& probe = facts.probe;
  const std::optional<EngineRow> engine =
      probe.engine ? probe.engine
                   : FindEngine(calibration,
                                {choice.model, facts.scale, choice.precision, facts.engine_threads},
                                pixels_in);
  const auto encoder = FindEncoder(calibration, choice.codec, choice.preset);
  if (!engine || !encoder) return std::nullopt;

  const double pixels_out = pixels_in * facts.scale * facts.scale;
  const double frames = static_cast<double>(facts.frames);
  const double share = ShareOf(facts);
  Forecast forecast;
  forecast.choice = choice;
  forecast.arithmetic = engine->arithmetic;
  forecast.start_seconds = (engine->start_seconds + kFilesSeconds) * probe.cpu_cost / share;
  forecast.engine_wall = frames * pixels_in * engine->speed.wall * probe.cpu_cost / share;
  forecast.engine_cpu = frames * pixels_in * engine->speed.cpu * probe.cpu_cost;
  const EncoderCost cost = FindEncoderCost(probe, choice.preset);
  forecast.encoder_cpu = encoder->open_cpu + pixels_out * (frames + cost.begin_frames) *
                                                 encoder->speed.cpu * cost.pixel;
  // Its beginning is taken to be as parallel as the rest.
  forecast.encoder_wall = forecast.encoder_cpu / share * (encoder->speed.wall / encoder->speed.cpu);
  forecast.other_cpu =
      frames * (pixels_in * probe.decode_cpu + pixels_out * encoder->colour_cpu * probe.cpu_cost);
  const double lead = std::max(1, facts.batch_frames) * probe.batches_abreast;
  const int tail = EncoderDelayFrames(choice.codec, choice.preset, calibration.machine.threads);
  forecast.engine_lead = std::min(1.0, lead / frames);
  forecast.encoder_tail = std::min(1.0, tail / frames);
  forecast.seconds =
      SecondsOf(forecast, CpuOf(forecast), CoresOf(calibration) * share, forecast.engine_wall);
  return forecast;
}

Plan MakePlan(const Calibration& calibration, const ClipFacts& facts,
              const std::vector<Choice>& choices, double seconds_left) {
  Plan plan;
  for (const Choice& choice : choices) {
    if (auto forecast = ForecastClip(calibration, facts, choice)) {
      forecast->fits = Fits(forecast->seconds, seconds_left);
      plan.forecasts.push_back(*std::move(forecast));
    }
  }
  if (plan.forecasts.empty()) return plan;
  const auto first = std::find_if(plan.forecasts.begin(), plan.forecasts.end(),
                                  [](const Forecast& forecast) { return forecast.fits; });
  plan.fits = first != plan.forecasts.end();
  const auto fastest =
      std::min_element(plan.forecasts.begin(), plan.forecasts.end(),
                       [](const Forecast& a, const Forecast& b) { return a.seconds < b.seconds; });
  plan.chosen = static_cast<int>((plan.fits ? first : fastest) - plan.forecasts.begin());
  if (seconds_left > 0) CountNeeds(calibration, facts, seconds_left, &plan);
  return plan;
}

}  // namespace octoscale
