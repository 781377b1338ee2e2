#include "planner/measure_speed.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <ctime>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "base/temporary_folder.h"
#include "engine/engine_speed.h"
#include "frame/synthetic_picture.h"
#include "image/image.h"
#include "video/colour.h"

namespace octoscale {
namespace {

using Clock = std::chrono::steady_clock;

// A size whose measurement would take longer is left out.
constexpr double kEngineSecondsMax = 10;
constexpr double kEngineSecondsMin = 0.6;
constexpr int kEngineRounds = 3;
constexpr size_t kEngineFramesFirst = 2;
constexpr size_t kEngineFramesMax = 8;
constexpr FrameSize kEngineSizes[] = {{96, 54}, {192, 108}, {640, 360}, {1920, 1080}};

// What an encoder takes to begin and to end falls out of the difference of two runs.
// The short one is as long as it takes until an encoder's look-ahead does most of its work.
constexpr FrameSize kEncoderSize{320, 180};  // before it is doubled
constexpr size_t kEncoderFramesFew = 8;
constexpr size_t kEncoderFramesMany = 28;

constexpr size_t kProbeFrames = 8;
constexpr FrameSize kProbeTileX2{128, 80};
constexpr FrameSize kProbeTileX4{64, 48};
// Whole frames for the network, or as much of one as this.
constexpr FrameSize kProbeEngineSize{1920, 1080};
constexpr double kProbeEngineSeconds = 0.7;
constexpr double kProbeEngineSecondsMax = 3;  // one frame that takes longer is not tried
// The first frames of a clip may be black: the probe begins after this share of it.
constexpr double kProbeStart = 0.4;

double PixelsOf(FrameSize size) { return static_cast<double>(size.width) * size.height; }

struct Times {
  double cpu = 0;
  double wall = 0;
  Times operator-(const Times& other) const { return {cpu - other.cpu, wall - other.wall}; }
};

Times Now() {
  return {ProcessCpuSeconds(),
          std::chrono::duration<double>(Clock::now().time_since_epoch()).count()};
}

double ThreadCpuSeconds() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

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

struct EncodeTimes {
  Times encoder;
  double colour_cpu = 0;
};

// Frame i of a film that runs through `frames` forwards and backwards.
const Frame& BackAndForth(std::span<const Frame> frames, size_t i) {
  if (frames.size() == 1) return frames[0];
  const size_t turn = 2 * (frames.size() - 1);
  return frames[std::min(i % turn, turn - i % turn)];
}

// Encodes `count` frames.
Result<EncodeTimes> Encode(std::span<const Frame> frames, size_t count, const VideoReader& source,
                           const EncoderOptions& options, const TemporaryFolder& folder,
                           const CancelToken& cancel) {
  WriterOptions writer_options;
  writer_options.encoder = options;
  writer_options.overwrite = true;
  const std::string path = (folder.path() / "encoded.mkv").string();
  const Times start = Now();
  OCTO_ASSIGN_OR_RETURN(const std::unique_ptr<VideoWriter> writer,
                        VideoWriter::Open(path, source, frames[0].size(), writer_options, cancel));
  ColourFromRgb colour(writer->format());
  EncodeTimes times;
  for (size_t i = 0; i < count; ++i) {
    const double before = ThreadCpuSeconds();
    OCTO_ASSIGN_OR_RETURN(Picture picture, colour.Convert(BackAndForth(frames, i),
                                                          {static_cast<int64_t>(i), 1, false}));
    times.colour_cpu += ThreadCpuSeconds() - before;
    OCTO_RETURN_IF_ERROR(writer->Write(std::move(picture)));
  }
  OCTO_RETURN_IF_ERROR(writer->Finish(false).status());
  const Times all = Now() - start;
  times.encoder = {all.cpu - times.colour_cpu, all.wall - times.colour_cpu};
  return times;
}

struct EncoderTime {
  PixelSpeed speed;
  double colour_cpu = 0;
};

Result<EncoderTime> MeasureEncoder(std::span<const Frame> frames, const VideoReader& source,
                                   const EncoderOptions& options, const TemporaryFolder& folder,
                                   const CancelToken& cancel) {
  OCTO_ASSIGN_OR_RETURN(const EncodeTimes few,
                        Encode(frames, kEncoderFramesFew, source, options, folder, cancel));
  OCTO_ASSIGN_OR_RETURN(const EncodeTimes many,
                        Encode(frames, kEncoderFramesMany, source, options, folder, cancel));
  const double pixels = PixelsOf(frames[0].size());
  const double total = kEncoderFramesMany * pixels;
  const double more = (kEncoderFramesMany - kEncoderFramesFew) * pixels;
  Times difference = many.encoder - few.encoder;
  // A machine that stumbled in the short run.
  if (difference.cpu <= 0) difference.cpu = many.encoder.cpu * more / total;
  if (difference.wall <= 0) difference.wall = many.encoder.wall * more / total;
  return EncoderTime{{difference.cpu / more, difference.wall / more}, many.colour_cpu / total};
}

void CopyPart(const Frame& from, int left, int top, FrameSize size, int to_left, int to_top,
              Frame* to) {
  const int bytes = SampleBytes(from.sample_type());
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    for (int y = 0; y < size.height; ++y) {
      std::memcpy(to->row(plane, to_top + y) + to_left * bytes,
                  from.row(plane, top + y) + left * bytes, static_cast<size_t>(size.width) * bytes);
    }
  }
}

Frame Middle(const Frame& frame, FrameSize most) {
  const FrameSize size{std::min(most.width, frame.width()), std::min(most.height, frame.height())};
  Frame middle(size, frame.sample_type());
  CopyPart(frame, (frame.width() - size.width) / 2, (frame.height() - size.height) / 2, size, 0, 0,
           &middle);
  return middle;
}

// Three by three tiles from all over the frame: what is hard to encode is seldom spread evenly.
Frame Mosaic(const Frame& frame, FrameSize tile) {
  constexpr int kTiles = 3;
  const FrameSize size{tile.width * kTiles, tile.height * kTiles};
  if (frame.width() <= size.width || frame.height() <= size.height) return Middle(frame, size);
  Frame mosaic(size, frame.sample_type());
  for (int row = 0; row < kTiles; ++row) {
    for (int column = 0; column < kTiles; ++column) {
      CopyPart(frame, (frame.width() - tile.width) * column / (kTiles - 1),
               (frame.height() - tile.height) * row / (kTiles - 1), tile, tile.width * column,
               tile.height * row, &mosaic);
    }
  }
  return mosaic;
}

struct DecodedPieces {
  std::unique_ptr<VideoReader> reader;
  std::vector<Frame> mosaics;  // for the encoder
  std::vector<Frame> wholes;   // of the first few frames, for the network
  double cpu_per_pixel = 0;
};

Result<DecodedPieces> DecodePieces(const ProbeRequest& request, const CancelToken& cancel) {
  ReaderOptions options = request.reader;
  DecodedPieces decoded;
  OCTO_ASSIGN_OR_RETURN(decoded.reader, VideoReader::Open(request.input, options, cancel));
  const double seconds = decoded.reader->info().video.duration_seconds;
  if (options.start_seconds == 0 && options.frames == 0 && seconds > 0) {
    options.start_seconds = seconds * kProbeStart;
    auto later = VideoReader::Open(request.input, options, cancel);
    if (later.ok()) decoded.reader = std::move(later).value();
  }
  ColourToRgb colour(decoded.reader->info().video.sample_type, true);
  const double start = ProcessCpuSeconds();
  const FrameSize tile = request.model.engine.scale > 2 ? kProbeTileX4 : kProbeTileX2;
  while (decoded.mosaics.size() < kProbeFrames) {
    OCTO_ASSIGN_OR_RETURN(const std::optional<Picture> picture, decoded.reader->Next());
    if (!picture) break;
    OCTO_ASSIGN_OR_RETURN(const Frame frame, colour.Convert(*picture));
    decoded.mosaics.push_back(Mosaic(frame, tile));
    decoded.wholes.push_back(Middle(frame, kProbeEngineSize));
  }
  if (decoded.mosaics.empty()) return CorruptInput(request.input + ": no frame to look at");
  decoded.cpu_per_pixel =
      (ProcessCpuSeconds() - start) /
      (static_cast<double>(decoded.mosaics.size()) * PixelsOf(decoded.reader->info().video.size));
  return decoded;
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
  std::vector<Frame> frames = SyntheticPictures(kEncoderSize, kEncoderFramesMany);
  for (Frame& frame : frames) frame = Doubled(frame);
  OCTO_ASSIGN_OR_RETURN(const EncoderTime cost,
                        MeasureEncoder(frames, *source, plain, folder, cancel));
  calibration->encoders.push_back({options.codec, options.preset,
                                   Plausible(cost.speed, calibration->machine), cost.colour_cpu});
  *added = true;
  return OkStatus();
}

namespace {

// As many of the frames as the probe has time for.
std::span<const Frame> Fitting(const std::vector<Frame>& frames, double seconds_per_pixel,
                               size_t least) {
  const double each = seconds_per_pixel * PixelsOf(frames[0].size());
  const auto fitting = static_cast<size_t>(kProbeEngineSeconds / each);
  const size_t count = std::min(frames.size(), std::max(least, fitting));
  return std::span(frames).first(count);
}

// Sets what the engine's speed says about the moment: the better of two halves, as the worse one
// may have been disturbed for an instant.
Result<std::vector<Frame>> TimeEngine(Engine& engine, std::span<const Frame> frames,
                                      const PixelSpeed& calibrated, const CancelToken& cancel,
                                      ClipProbe* probe) {
  std::vector<Frame> all;
  probe->cpu_cost = probe->core_share = 0;
  const size_t half = (frames.size() + 1) / 2;
  for (size_t first = 0; first < frames.size(); first += half) {
    const std::span<const Frame> part =
        frames.subspan(first, std::min(half, frames.size() - first));
    const Times start = Now();
    OCTO_ASSIGN_OR_RETURN(std::vector<Frame> upscaled, engine.PredictBatch(part, cancel));
    const Times took = Now() - start;
    const double pixels = static_cast<double>(part.size()) * PixelsOf(part[0].size());
    const double cost = took.cpu / pixels / calibrated.cpu;
    const double share = std::min(1.0, took.cpu / took.wall * calibrated.wall / calibrated.cpu);
    if (first == 0 || cost < probe->cpu_cost) probe->cpu_cost = cost;
    probe->core_share = std::max(probe->core_share, share);
    std::move(upscaled.begin(), upscaled.end(), std::back_inserter(all));
  }
  return all;
}

Status ProbeEncoder(const ProbeRequest& request, const DecodedPieces& decoded,
                    const std::vector<Frame>& upscaled, const Calibration& calibration,
                    const CancelToken& cancel, ClipProbe* probe) {
  EncoderOptions encoder = request.encoder;
  const double share =
      PixelsOf(decoded.mosaics[0].size()) / PixelsOf(decoded.reader->info().video.size);
  encoder.rate_cap =
      static_cast<int64_t>(static_cast<double>(encoder.rate_cap) * std::min(1.0, share));
  OCTO_ASSIGN_OR_RETURN(const TemporaryFolder folder, TemporaryFolder::Create());
  for (const std::string& preset : request.presets) {
    encoder.preset = preset;
    const auto row = FindEncoder(calibration, encoder.codec, preset);
    if (!row) return Internal("the probe's encoder preset '" + preset + "' isn't calibrated");
    OCTO_ASSIGN_OR_RETURN(const EncoderTime cost,
                          MeasureEncoder(upscaled, *decoded.reader, encoder, folder, cancel));
    probe->encoder_costs.emplace_back(preset, cost.speed.cpu / row->speed.cpu);
  }
  return OkStatus();
}

}  // namespace

Result<ClipProbe> ProbeClip(const ProbeRequest& request, const Calibration& calibration,
                            const CancelToken& cancel) {
  OCTO_ASSIGN_OR_RETURN(const DecodedPieces decoded, DecodePieces(request, cancel));
  const auto row_of = [&](const Frame& frame) {
    return FindEngine(calibration, request.model.model, request.model.engine.scale,
                      std::string(PrecisionName(request.model.engine.precision)),
                      PixelsOf(frame.size()));
  };
  const auto mosaic_row = row_of(decoded.mosaics[0]), whole_row = row_of(decoded.wholes[0]);
  if (!mosaic_row || !whole_row) return Internal("the probe's model isn't calibrated");
  ClipProbe probe;
  probe.decode_cpu = decoded.cpu_per_pixel;
  OCTO_ASSIGN_OR_RETURN(const std::unique_ptr<EngineUpscaler> upscaler,
                        CreateModelUpscaler(request.model));
  // The slower the network, the fewer frames; without two of them nothing moves.
  const std::span<const Frame> mosaics = Fitting(decoded.mosaics, mosaic_row->speed.wall, 2);
  OCTO_ASSIGN_OR_RETURN(const std::vector<Frame> upscaled,
                        TimeEngine(upscaler->engine(), mosaics, mosaic_row->speed, cancel, &probe));
  if (whole_row->speed.wall * PixelsOf(decoded.wholes[0].size()) < kProbeEngineSecondsMax) {
    const std::span<const Frame> wholes = Fitting(decoded.wholes, whole_row->speed.wall, 1);
    OCTO_RETURN_IF_ERROR(
        TimeEngine(upscaler->engine(), wholes, whole_row->speed, cancel, &probe).status());
  }
  OCTO_RETURN_IF_ERROR(ProbeEncoder(request, decoded, upscaled, calibration, cancel, &probe));
  return probe;
}

}  // namespace octoscale
