// How fast this machine is at each part of the work, measured once and kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace octoscale {

// What a calibration is valid for.
struct MachineFacts {
  std::string cpu;      // CpuModelName()
  std::string level;    // CpuLevelName() of the active level
  int threads = 0;      // cores that the process may use
  std::string version;  // of octoscale
  bool operator==(const MachineFacts&) const = default;
};

MachineFacts ThisMachine();

// Seconds for one pixel: of all threads' processor time, and of wall time when the part runs alone.
struct PixelSpeed {
  double cpu = 0;
  double wall = 0;
};

// What decides the engine's speed beside the size of the frames.
struct EngineKey {
  std::string model;
  int scale = 0;
  std::string precision;  // as asked: "auto", ...
  int threads = 0;        // as asked; 0: one for each core
  bool operator==(const EngineKey&) const = default;
};

// Of the input's pixels, for frames of `pixels`.
struct EngineRow {
  EngineKey key;
  std::string arithmetic;  // what the precision was here: "bf16", ...
  double pixels = 0;
  PixelSpeed speed;
  double start_seconds = 0;  // loading and packing the model
};

// Of the output's pixels, without the colour conversion.
struct EncoderRow {
  std::string codec;   // FFmpeg's name
  std::string preset;  // empty: the encoder's own
  PixelSpeed speed;
  double open_cpu = 0;    // once, seconds, whatever the frames' size
  double colour_cpu = 0;  // RGB to its pixel format, for one pixel
};

// What a preset takes for a clip.
struct EncoderCost {
  std::string preset;
  double pixel = 1;         // in relation to the calibration's pictures
  double begin_frames = 0;  // the first frames cost more, by so many of the later ones
};

// One clip's own properties, from some of its frames.
struct ClipProbe {
  double decode_cpu = 0;                   // seconds for one pixel of the input: decoding and RGB
  std::vector<EncoderCost> encoder_costs;  // for some presets
  // The engine's processor time for a pixel now, in relation to the calibration's: the machine's
  // clock and its neighbours change it.
  double cpu_cost = 1;
  // How much of the cores the engine got now, in relation to the calibration: other programs run.
  double core_share = 1;
  // Of an upscaler that is not the engine of this process, for this clip's frames: takes the place
  // of the calibration's row. Its processor time is what it takes of this machine's.
  std::optional<EngineRow> engine;
  double batches_abreast = 1;  // batches that it computes side by side
};

// Where it was not measured, the means of those that were.
EncoderCost FindEncoderCost(const ClipProbe& probe, const std::string& preset);

struct Calibration {
  MachineFacts machine;
  int64_t made_unix = 0;  // seconds since 1970
  std::vector<EngineRow> engines;
  std::vector<EncoderRow> encoders;
};

// A calibration is measured again after 30 days.
constexpr int64_t kCalibrationSecondsMax = int64_t{30} * 24 * 3600;

// Why `calibration` can't be used on `machine` at `now_unix`; empty when it can.
std::string WhyStale(const Calibration& calibration, const MachineFacts& machine, int64_t now_unix);

// The row for frames of `pixels`: between two measured sizes interpolated over the logarithm,
// outside of them the nearest. Nothing when the model was not measured.
std::optional<EngineRow> FindEngine(const Calibration& calibration, const EngineKey& key,
                                    double pixels);

std::optional<EncoderRow> FindEncoder(const Calibration& calibration, const std::string& codec,
                                      const std::string& preset);

}  // namespace octoscale
