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
#include "planner/enlarge.h"
#include "planner/stopwatch.h"

namespace octoscale {
namespace {

// A size whose measurement would take longer is left out.
constexpr double kEngineSecondsMax = 10;
constexpr double kEngineSecondsMin = 0.6;
constexpr double kEngineSecondsFull = 5;  // for batches as full as the clip's
constexpr int kEngineRounds = 3;
constexpr FrameSize kEngineSizes[] = {{96, 54}, {192, 108}, {480, 270}, kEngineSizeMax};

constexpr FrameSize kEncoderSize{320, 180};  // before it is doubled

// Other programs stretch the wall time: alone, a part is between perfectly divided among the
// threads and not divided at all.
PixelSpeed Plausible(const PixelSpeed& speed, int threads) {
  return {speed.cpu, std::clamp(speed.wall, speed.cpu / std::max(1, threads), speed.cpu)};
}

std::optional<EngineRow> FindMeasured(const Calibration& calibration, const EngineKey& key,
                                      double pixels) {
  auto row = FindEngine(calibration, key, pixels);
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

// A batch, or as much of it as there is time for at `expected` seconds for one frame; 0: one alone
// would take too long.
size_t FramesToMeasure(double expected, size_t batch) {
  constexpr double kTimes = 2 * kEngineRounds;  // each round warms up
  if (expected * kTimes > kEngineSecondsMax) return 0;
  const auto fitting = static_cast<size_t>(kEngineSecondsFull / (kTimes * expected));
  return std::clamp<size_t>(fitting, 1, batch);
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

// A source for VideoWriter, which takes time base and tags from one.
Result<std::unique_ptr<VideoReader>> SyntheticSource(const TemporaryFolder& folder) {
  const std::string path = (folder.path() / "source.png").string();
  Image image;
  image.frame = SyntheticPicture({64, 48}, 0);
  OCTO_RETURN_IF_ERROR(WriteImageFile(path, image));
  return VideoReader::Open(path, {});
}

}  // namespace

EngineKey KeyOf(const ModelRequest& request) {
  return {request.model, request.engine.scale, std::string(PrecisionName(request.engine.precision)),
          request.engine.threads};
}

Status CalibrateEngine(const ModelRequest& request, double pixels, const CancelToken& cancel,
                       Calibration* calibration, bool* added) {
  std::unique_ptr<EngineUpscaler> upscaler;
  const EngineKey key = KeyOf(request);
  const int threads = key.threads > 0 ? key.threads : calibration->machine.threads;
  double start_seconds = 0;
  double expected = 0;  // seconds for one pixel; 0: not known yet
  for (const FrameSize& size : SizesAround(pixels)) {
    const double size_pixels = PixelsOf(size);
    if (const auto known = FindMeasured(*calibration, key, size_pixels)) {
      expected = known->speed.wall;
      continue;
    }
    const auto batch = static_cast<size_t>(request.engine.batch_size);
    if (expected > 0 && FramesToMeasure(expected * size_pixels, batch) == 0) continue;
    if (!upscaler) {
      const Times start = Now();
      OCTO_ASSIGN_OR_RETURN(upscaler, CreateModelUpscaler(request));
      start_seconds = (Now() - start).wall;
    }
    Engine& engine = upscaler->engine();
    if (expected <= 0) {
      OCTO_ASSIGN_OR_RETURN(const EngineSpeed one,
                            MeasureEngine(engine, SyntheticPictures(size, 1), 0, cancel));
      expected = one.seconds / size_pixels;
    }
    // The smallest is measured however long it takes.
    const size_t count = std::max<size_t>(1, FramesToMeasure(expected * size_pixels, batch));
    OCTO_ASSIGN_OR_RETURN(const PixelSpeed speed, MeasureAtRest(engine, size, count, cancel));
    EngineRow row;
    row.key = key;
    row.arithmetic = PrecisionName(engine.options().precision);
    row.pixels = size_pixels;
    row.speed = Plausible(speed, threads);
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
  std::vector<Frame> frames = SyntheticPictures(kEncoderSize, kEncoderFramesMin);
  for (Frame& frame : frames) frame = Enlarged(frame, 2);
  OCTO_ASSIGN_OR_RETURN(const EncoderSpeed cost,
                        MeasureEncoder(frames, *source, plain, folder, cancel));
  calibration->encoders.push_back({options.codec, options.preset,
                                   Plausible(cost.speed, calibration->machine.threads),
                                   cost.open_cpu, cost.colour_cpu});
  *added = true;
  return OkStatus();
}

}  // namespace octoscale
