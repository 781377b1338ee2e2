#include "planner/forecast.h"

#include <algorithm>
#include <cmath>

namespace octoscale {
namespace {

// Opening the files, closing and naming the output.
constexpr double kFilesSeconds = 0.1;

// A machine that gives us less is not planned for.
constexpr double kCoreShareMin = 0.02;

double PixelsOf(FrameSize size) { return static_cast<double>(size.width) * size.height; }

void CountNeeds(const Calibration& calibration, const ClipFacts& facts, double seconds_left,
                Plan* plan) {
  const auto fastest =
      std::min_element(plan->forecasts.begin(), plan->forecasts.end(),
                       [](const Forecast& a, const Forecast& b) { return a.seconds < b.seconds; });
  const double room = seconds_left / kSafetyFactor - fastest->start_seconds;
  if (room <= 0) return;
  const double here = fastest->encoder_cpu + fastest->other_cpu;
  if (!facts.engine_elsewhere) {
    plan->cores_needed = std::llround(std::ceil((fastest->engine_cpu + here) / room));
  }
  const int threads = std::max(1, calibration.machine.threads);
  if (here / threads <= room) {
    plan->machines_needed = std::llround(std::ceil(fastest->engine_wall / room));
  }
}

}  // namespace

std::optional<Forecast> ForecastClip(const Calibration& calibration, const ClipFacts& facts,
                                     const Choice& choice) {
  const double pixels_in = PixelsOf(facts.input);
  const std::optional<EngineRow> engine =
      facts.probe.engine
          ? facts.probe.engine
          : FindEngine(calibration, choice.model, facts.scale, choice.precision, pixels_in);
  const auto encoder = FindEncoder(calibration, choice.codec, choice.preset);
  if (!engine || !encoder) return std::nullopt;

  const double pixels_out = pixels_in * facts.scale * facts.scale;
  const double frames = static_cast<double>(facts.frames);
  const ClipProbe& probe = facts.probe;
  const double share = std::max(kCoreShareMin, probe.core_share);
  const double encoder_cost = EncoderCost(probe, choice.preset);
  Forecast forecast;
  forecast.choice = choice;
  forecast.arithmetic = engine->arithmetic;
  forecast.start_seconds = (engine->start_seconds + kFilesSeconds) * probe.cpu_cost / share;
  forecast.engine_wall = frames * pixels_in * engine->speed.wall * probe.cpu_cost / share;
  forecast.engine_cpu = frames * pixels_in * engine->speed.cpu * probe.cpu_cost;
  forecast.encoder_cpu =
      pixels_out * (frames * encoder->speed.cpu + encoder->begin_cpu) * encoder_cost;
  forecast.other_cpu =
      frames * (pixels_in * probe.decode_cpu + pixels_out * encoder->colour_cpu * probe.cpu_cost);

  // On few cores all parts share them; on many, the slowest part sets the pace and the others only
  // add what they do before its first and after its last frame.
  const double cores = std::max(1, calibration.machine.threads) * share;
  const double shared = (forecast.engine_cpu + forecast.encoder_cpu + forecast.other_cpu) / cores;
  const double batch = std::min(frames, std::max(1, facts.batch_frames) * probe.batches_abreast);
  const double encoder_wall = frames * pixels_out * encoder->speed.wall * encoder_cost / share;
  const double engine_bound = forecast.engine_wall + encoder_wall * batch / frames;
  const double encoder_bound = encoder_wall + forecast.engine_wall * batch / frames;
  forecast.seconds = forecast.start_seconds + std::max({shared, engine_bound, encoder_bound});
  return forecast;
}

Plan MakePlan(const Calibration& calibration, const ClipFacts& facts,
              const std::vector<Choice>& choices, double seconds_left) {
  Plan plan;
  for (const Choice& choice : choices) {
    if (auto forecast = ForecastClip(calibration, facts, choice)) {
      forecast->fits = seconds_left <= 0 || forecast->seconds * kSafetyFactor <= seconds_left;
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
