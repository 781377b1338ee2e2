#include "planner/engine_probe.h"

#include <algorithm>
#include <utility>

#include "planner/calibrate.h"

namespace octoscale {
namespace {

constexpr double kPiecesSeconds = 1;
constexpr double kSampleSeconds = 0.5;
constexpr double kSamplesSecondsMax = 3;

size_t CountOf(double seconds, double each) {
  return static_cast<size_t>(std::max(0.0, seconds / each));
}

}  // namespace

Result<EngineProbe> EngineProbe::Create(const ModelRequest& model, const Calibration& calibration) {
  EngineProbe probe;
  probe.calibration_ = &calibration;
  probe.key_ = KeyOf(model);
  OCTO_ASSIGN_OR_RETURN(probe.upscaler_, CreateModelUpscaler(model));
  return probe;
}

Result<std::vector<Frame>> EngineProbe::Upscale(std::span<const Frame> pieces,
                                                const CancelToken& cancel) {
  OCTO_ASSIGN_OR_RETURN(const EngineRow row, RowOf(pieces[0]));
  const size_t fitting = CountOf(kPiecesSeconds, row.speed.wall * PixelsOf(pieces[0].size()));
  const size_t count = std::min(pieces.size(), std::max<size_t>(2, fitting));
  return Time(pieces.first(count), row.speed, &pieces_, cancel);
}

Status EngineProbe::Sample(std::span<const Frame> wholes, const CancelToken& cancel) {
  OCTO_ASSIGN_OR_RETURN(const EngineRow row, RowOf(wholes[0]));
  const EngineOptions& engine = upscaler_->engine().options();
  const double each = row.speed.wall * PixelsOf(wholes[0].size());
  const double& took = wholes_.took.wall;
  const double end = std::min(kSamplesSecondsMax, took + kSampleSeconds);
  const size_t batch = std::min(static_cast<size_t>(engine.batch_size), wholes.size());
  const size_t least = std::min(
      {static_cast<size_t>(engine.threads), batch, CountOf(kSamplesSecondsMax - took, each)});
  while (least > 0 && took < end) {
    const size_t count = std::clamp(CountOf(end - took, each), least, batch);
    OCTO_RETURN_IF_ERROR(Time(wholes.first(count), row.speed, &wholes_, cancel).status());
  }
  return OkStatus();
}

void EngineProbe::Finish(ClipProbe* probe) const {
  const Samples& samples = wholes_.took.wall > 0 ? wholes_ : pieces_;
  const Times &took = samples.took, &calibrated = samples.calibrated;
  probe->cpu_cost = took.cpu / calibrated.cpu;
  probe->core_share = std::min(1.0, took.cpu / took.wall * calibrated.wall / calibrated.cpu);
}

Result<EngineRow> EngineProbe::RowOf(const Frame& frame) const {
  auto row = FindEngine(*calibration_, key_, PixelsOf(frame.size()));
  if (!row) return Internal("the probe's model isn't calibrated");
  return *std::move(row);
}

Result<std::vector<Frame>> EngineProbe::Time(std::span<const Frame> frames,
                                             const PixelSpeed& calibrated, Samples* samples,
                                             const CancelToken& cancel) {
  const Times start = Now();
  OCTO_ASSIGN_OR_RETURN(std::vector<Frame> upscaled,
                        upscaler_->engine().PredictBatch(frames, cancel));
  const Times took = Now() - start;
  const double pixels = static_cast<double>(frames.size()) * PixelsOf(frames[0].size());
  samples->took.cpu += took.cpu;
  samples->took.wall += took.wall;
  samples->calibrated.cpu += pixels * calibrated.cpu;
  samples->calibrated.wall += pixels * calibrated.wall;
  return upscaled;
}

}  // namespace octoscale
