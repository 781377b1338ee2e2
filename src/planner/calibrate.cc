#include "planner/calibrate.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/temporary_folder.h"
#include "engine/engine_speed.h"
#include "frame/synthetic_picture.h"
#include "image/image.h"
#include "planner/encoder_speed.h"
#include "planner/stopwatch.h"

namespace octoscale {
namespace {

// A size whose measurement would take longer is left out.
constexpr double kEngineSecondsMax = 10;
constexpr double kEngineSecondsMin = 0.6;
constexpr int kEngineRounds = 3;
constexpr size_t kEngineFramesFirst = 2;
constexpr size_t kEngineFramesMax = 8;
constexpr FrameSize kEngineSizes[] = {{96, 54}, {192, 108}, {640, 360}, {1920, 1080}};

constexpr FrameSize kEncoderSize{320, 180};  // before it is doubled
constexpr size_t kEncoderFrames = 28;

// Other programs stretch the wall time: alone, a part is between perfectly divided among the cores
// and not divided at all.
PixelSpeed Plausible(const PixelSpeed& speed, const MachineFacts& machine) {
  return {speed.cpu, std::clamp(speed.wall, speed.cpu / std::max(1, machine.threads), speed.cpu)};
}

std::optional<EngineRow> FindMeasured(const Calibration& calibration, const ModelRequest& request,
                                      double pixels) {
  auto row = FindEngine(calibration, request.model, request.engine.scale,
                        std::string(PrecisionName(request.engine.precision)), pixels);
  if (row && row->pixels != pixels) row.reset();
  return row;
}

// The smallest, which tells how long the others will take, and those on both sides of `pixels`.
std::vector<FrameSize> SizesAround(double pixels) {
  std::vector<FrameSize> sizes;
  for (const FrameSize& size : kEngineSizes) {
    if (!sizes.empty() && PixelsOf(sizes.back()) >= pixels) break;
    sizes.push_back(size);
  }
  return sizes;
}

// As many as take a while, at `expected` seconds for one; 0: one alone would take too long.
size_t FramesToMeasure(double expected) {
  constexpr double kTimes = 2 * kEngineRounds;  // each round warms up
  if (expected <= 0) return kEngineFramesFirst;
  if (expected * kTimes > kEngineSecondsMax) return 0;
  return std::clamp<size_t>(static_cast<size_t>(kEngineSecondsMin / kEngineRounds / expected), 1,
                            kEngineFramesMax);
}

std::vector<Frame> SyntheticPictures(FrameSize size, size_t count) {
  std::vector<Frame> frames;
  for (size_t i = 0; i < count; ++i) {
    frames.push_back(SyntheticPicture(size, static_cast<uint32_t>(i)));
  }
  return frames;
}

// The least of several rounds: what the machine can do when nothing disturbs it.
Result<PixelSpeed> MeasureAtRest(Engine& engine, FrameSize size, size_t count,
                                 const CancelToken& cancel) {
  const std::vector<Frame> frames = SyntheticPictures(size, count);
  PixelSpeed least;
  const Times start = Now();
  // One round is enough where it takes long.
  for (int round = 0; round < kEngineRounds; ++round) {
    if ((Now() - start).wall > kEngineSecondsMax / kEngineRounds) break;
    OCTO_ASSIGN_OR_RETURN(const EngineSpeed speed,
                          MeasureEngine(engine, frames, kEngineSecondsMin / kEngineRounds, cancel));
    const double done = static_cast<double>(speed.frames) * PixelsOf(size);
    const PixelSpeed now{speed.cpu_seconds / done, speed.seconds / done};
    least.cpu = round == 0 ? now.cpu : std::min(least.cpu, now.cpu);
    least.wall = round == 0 ? now.wall : std::min(least.wall, now.wall);
  }
  return least;
}

// Each pixel between its neighbours' values: smooth, as what a network makes of a picture.
Frame Doubled(const Frame& frame) {
  Frame doubled({frame.width() * 2, frame.height() * 2}, SampleType::kU8);
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    for (int y = 0; y < doubled.height(); ++y) {
      const uint8_t* here = frame.row(plane, y / 2);
      const uint8_t* below = frame.row(plane, std::min((y + 1) / 2, frame.height() - 1));
      uint8_t* out = doubled.row(plane, y);
      for (int x = 0; x < doubled.width(); ++x) {
        const int left = x / 2, right = std::min((x + 1) / 2, frame.width() - 1);
        out[x] = static_cast<uint8_t>((here[left] + here[right] + below[left] + below[right]) / 4);
      }
    }
  }
  return doubled;
}

// A source for VideoWriter, which takes time base and tags from one.
Result<std::unique_ptr<VideoReader>> SyntheticSource(const TemporaryFolder& folder) {
  const std::string path = (folder.path() / "source.png").string();
  Image image;
  image.frame = SyntheticPicture({64, 48}, 0);
  OCTO_RETURN_IF_ERROR(WriteImageFile(path, image));
  return VideoReader::Open(path, {});
}

}  // namespace

Status CalibrateEngine(const ModelRequest& request, double pixels, const CancelToken& cancel,
                       Calibration* calibration, bool* added) {
  std::unique_ptr<EngineUpscaler> upscaler;
  double start_seconds = 0;
  double expected = 0;  // seconds for one pixel
  for (const FrameSize& size : SizesAround(pixels)) {
    const double size_pixels = PixelsOf(size);
    if (const auto known = FindMeasured(*calibration, request, size_pixels)) {
      expected = known->speed.wall;
      continue;
    }
    const size_t count = FramesToMeasure(expected * size_pixels);
    if (count == 0) continue;
    if (!upscaler) {
      const Times start = Now();
      OCTO_ASSIGN_OR_RETURN(upscaler, CreateModelUpscaler(request));
      start_seconds = (Now() - start).wall;
    }
    Engine& engine = upscaler->engine();
    OCTO_ASSIGN_OR_RETURN(const PixelSpeed speed, MeasureAtRest(engine, size, count, cancel));
    EngineRow row;
    row.model = request.model;
    row.scale = request.engine.scale;
    row.precision = PrecisionName(request.engine.precision);
    row.arithmetic = PrecisionName(engine.options().precision);
    row.pixels = size_pixels;
    row.speed = Plausible(speed, calibration->machine);
    row.start_seconds = start_seconds;
    expected = row.speed.wall;
    calibration->engines.push_back(std::move(row));
    *added = true;
  }
  return OkStatus();
}

Status CalibrateEncoder(const EncoderOptions& options, const CancelToken& cancel,
                        Calibration* calibration, bool* added) {
  if (FindEncoder(*calibration, options.codec, options.preset)) return OkStatus();
  OCTO_ASSIGN_OR_RETURN(const TemporaryFolder folder, TemporaryFolder::Create());
  OCTO_ASSIGN_OR_RETURN(const std::unique_ptr<VideoReader> source, SyntheticSource(folder));
  EncoderOptions plain;
  plain.codec = options.codec;
  plain.preset = options.preset;
  plain.threads = options.threads;
  std::vector<Frame> frames = SyntheticPictures(kEncoderSize, kEncoderFrames);
  for (Frame& frame : frames) frame = Doubled(frame);
  OCTO_ASSIGN_OR_RETURN(const EncoderSpeed cost,
                        MeasureEncoder(frames, *source, plain, folder, cancel));
  calibration->encoders.push_back({options.codec, options.preset,
                                   Plausible(cost.speed, calibration->machine), cost.begin_cpu,
                                   cost.colour_cpu});
  *added = true;
  return OkStatus();
}

}  // namespace octoscale
