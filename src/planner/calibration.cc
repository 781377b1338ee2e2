#include "planner/calibration.h"

#include <algorithm>
#include <cmath>

#include "base/cpu.h"

namespace octoscale {
namespace {

double Between(double low, double high, double share) { return low + (high - low) * share; }

EngineRow Interpolate(const EngineRow& low, const EngineRow& high, double pixels) {
  const double share = std::log(pixels / low.pixels) / std::log(high.pixels / low.pixels);
  EngineRow row = low;
  row.pixels = pixels;
  row.speed.cpu = Between(low.speed.cpu, high.speed.cpu, share);
  row.speed.wall = Between(low.speed.wall, high.speed.wall, share);
  return row;
}

}  // namespace

MachineFacts ThisMachine() {
  const auto level = ActiveCpuLevel();
  return {CpuModelName(), std::string(level.ok() ? CpuLevelName(*level) : "unknown"),
          AvailableCores(), OCTOSCALE_VERSION};
}

std::string WhyStale(const Calibration& calibration, const MachineFacts& machine,
                     int64_t now_unix) {
  const MachineFacts& of = calibration.machine;
  if (of.cpu != machine.cpu) return "the processor was " + of.cpu + ", is " + machine.cpu;
  if (of.level != machine.level) {
    return "the instruction set was " + of.level + ", is " + machine.level;
  }
  if (of.threads != machine.threads) {
    return "the cores were " + std::to_string(of.threads) + ", are " +
           std::to_string(machine.threads);
  }
  if (of.version != machine.version) {
    return "octoscale was " + of.version + ", is " + machine.version;
  }
  const int64_t age = now_unix - calibration.made_unix;
  if (age < 0) return "it is of a later time than now";
  if (age > kCalibrationSecondsMax) {
    return "it is older than " + std::to_string(kCalibrationSecondsMax / (24 * 3600)) + " days";
  }
  return {};
}

std::optional<EngineRow> FindEngine(const Calibration& calibration, const EngineKey& key,
                                    double pixels) {
  const EngineRow* below = nullptr;
  const EngineRow* above = nullptr;
  for (const EngineRow& row : calibration.engines) {
    if (row.key != key) continue;
    if (row.pixels <= pixels && (below == nullptr || row.pixels > below->pixels)) below = &row;
    if (row.pixels >= pixels && (above == nullptr || row.pixels < above->pixels)) above = &row;
  }
  if (below == nullptr && above == nullptr) return std::nullopt;
  if (below == nullptr || above == nullptr) return below == nullptr ? *above : *below;
  return below->pixels == above->pixels ? *below : Interpolate(*below, *above, pixels);
}

EncoderCost FindEncoderCost(const ClipProbe& probe, const std::string& preset) {
  double pixels = 0, begins = 0;
  for (const EncoderCost& cost : probe.encoder_costs) {
    if (cost.preset == preset) return cost;
    pixels += std::log(cost.pixel);
    begins += cost.begin_frames;
  }
  const double count = std::max<double>(1, static_cast<double>(probe.encoder_costs.size()));
  return {preset, std::exp(pixels / count), begins / count};
}

std::optional<EncoderRow> FindEncoder(const Calibration& calibration, const std::string& codec,
                                      const std::string& preset) {
  for (const EncoderRow& row : calibration.encoders) {
    if (row.codec == codec && row.preset == preset) return row;
  }
  return std::nullopt;
}

}  // namespace octoscale
