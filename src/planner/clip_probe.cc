#include "planner/clip_probe.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

#include "base/temporary_folder.h"
#include "planner/calibrate.h"
#include "planner/encoder_speed.h"
#include "planner/enlarge.h"
#include "planner/stopwatch.h"
#include "planner/upscaler_speed.h"
#include "video/colour.h"

namespace octoscale {
namespace {

// Decoded frames: as many as the encoder's probe can use, in about a second. Where the network
// makes fewer than kFilmFrames of them the others are enlarged without it.
constexpr size_t kProbeFrames = kEncoderFramesMax;
constexpr size_t kFilmFrames = 16;
constexpr double kDecodeSeconds = 1;
constexpr double kDecodeSecondsMax = 2;  // with fewer than kFilmFrames
constexpr size_t kWholesMax = 16;        // for the local engine: two batches
constexpr FrameSize kTileX2{128, 80};
constexpr FrameSize kTileX4{64, 48};
// Whole frames for the network, or as much of one as this.
constexpr FrameSize kEngineSize{1920, 1080};
constexpr double kEngineSeconds = 1;
constexpr double kEngineSecondsMax = 3;  // where even a frame for each thread takes longer
// The first frames of a clip may be black: the probe begins after this share of it.
constexpr double kStart = 0.4;
// Decoded frames that are kept whole for an upscaler elsewhere.
constexpr size_t kWholeBytesMax = size_t{512} << 20;

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

FrameSize TileFor(const ProbeRequest& request) {
  return request.model.engine.scale > 2 ? kTileX4 : kTileX2;
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
    options.start_seconds = seconds * kStart;
    auto later = VideoReader::Open(request.input, options, cancel);
    if (later.ok()) decoded.reader = std::move(later).value();
  }
  ColourToRgb colour(decoded.reader->info().video.sample_type, true);
  const Times start = Now();
  const FrameSize tile = TileFor(request);
  const auto time_is_up = [&] {
    const double took = (Now() - start).wall;
    const bool enough = decoded.mosaics.size() >= kFilmFrames && took > kDecodeSeconds;
    return enough || (decoded.mosaics.size() >= 2 && took > kDecodeSecondsMax);
  };
  while (decoded.mosaics.size() < kProbeFrames && !time_is_up()) {
    OCTO_ASSIGN_OR_RETURN(const std::optional<Picture> picture, decoded.reader->Next());
    if (!picture) break;
    OCTO_ASSIGN_OR_RETURN(const Frame frame, colour.Convert(*picture));
    decoded.mosaics.push_back(Mosaic(frame, tile));
    const size_t bytes = frame.size_bytes() * (decoded.wholes.size() + 1);
    if (request.upscaler == nullptr) {
      if (decoded.wholes.size() >= kWholesMax) continue;
      decoded.wholes.push_back(Middle(frame, kEngineSize));
    } else if (decoded.wholes.size() < 2 || bytes <= kWholeBytesMax) {
      decoded.wholes.push_back(frame.Clone());
    }
  }
  if (decoded.mosaics.empty()) return CorruptInput(request.input + ": no frame to look at");
  decoded.cpu_per_pixel = (Now() - start).cpu / (static_cast<double>(decoded.mosaics.size()) *
                                                 PixelsOf(decoded.reader->info().video.size));
  return decoded;
}

// As many of the frames as the probe has time for, at least two.
std::span<const Frame> Fitting(const std::vector<Frame>& frames, double seconds_per_pixel) {
  const double each = seconds_per_pixel * PixelsOf(frames[0].size());
  const auto fitting = static_cast<size_t>(kEngineSeconds / each);
  return std::span(frames).first(std::min(frames.size(), std::max<size_t>(2, fitting)));
}

// Whole frames for two samples of equal size, or one where there is no time for a second, or none.
// A sample has a frame for each thread where possible, as the clip's batches have: threads that
// share a frame wait for each other.
std::span<const Frame> WholeFrames(const std::vector<Frame>& frames, double seconds_per_pixel,
                                   const EngineOptions& engine, size_t* sample) {
  const double each = seconds_per_pixel * PixelsOf(frames[0].size());
  const auto batch = static_cast<size_t>(engine.batch_size);
  const size_t least = std::min(static_cast<size_t>(engine.threads), batch);
  const auto fitting = static_cast<size_t>(kEngineSeconds / 2 / each);
  const auto most = static_cast<size_t>(kEngineSecondsMax / each);
  *sample = std::min({std::clamp(fitting, least, batch), most, frames.size()});
  const bool twice = 2 * *sample <= std::min(most, frames.size());
  return std::span(frames).first(twice ? 2 * *sample : *sample);
}

// Sets what the engine's speed says about the moment. The processor time is that of the best
// sample, as a worse one may have been disturbed for an instant; the share of the cores is that of
// all.
Result<std::vector<Frame>> TimeEngine(Engine& engine, std::span<const Frame> frames, size_t sample,
                                      const PixelSpeed& calibrated, const CancelToken& cancel,
                                      ClipProbe* probe) {
  std::vector<Frame> all;
  Times total;
  for (size_t first = 0; first < frames.size(); first += sample) {
    const std::span<const Frame> part =
        frames.subspan(first, std::min(sample, frames.size() - first));
    const Times start = Now();
    OCTO_ASSIGN_OR_RETURN(std::vector<Frame> upscaled, engine.PredictBatch(part, cancel));
    const Times took = Now() - start;
    const double pixels = static_cast<double>(part.size()) * PixelsOf(part[0].size());
    const double cost = took.cpu / pixels / calibrated.cpu;
    probe->cpu_cost = first == 0 ? cost : std::min(probe->cpu_cost, cost);
    total.cpu += took.cpu;
    total.wall += took.wall;
    std::move(upscaled.begin(), upscaled.end(), std::back_inserter(all));
  }
  probe->core_share = std::min(1.0, total.cpu / total.wall * calibrated.wall / calibrated.cpu);
  return all;
}

// The local engine, on pieces for the encoder, which come back, and on whole frames.
Result<std::vector<Frame>> ProbeEngine(const ProbeRequest& request, const DecodedPieces& decoded,
                                       const Calibration& calibration, const CancelToken& cancel,
                                       ClipProbe* probe) {
  const auto row_of = [&](const Frame& frame) {
    return FindEngine(calibration, KeyOf(request.model), PixelsOf(frame.size()));
  };
  const auto mosaic_row = row_of(decoded.mosaics[0]), whole_row = row_of(decoded.wholes[0]);
  if (!mosaic_row || !whole_row) return Internal("the probe's model isn't calibrated");
  OCTO_ASSIGN_OR_RETURN(const std::unique_ptr<EngineUpscaler> upscaler,
                        CreateModelUpscaler(request.model));
  // The slower the network, the fewer frames; without two of them nothing moves.
  Engine& engine = upscaler->engine();
  const std::span<const Frame> mosaics = Fitting(decoded.mosaics, mosaic_row->speed.wall);
  OCTO_ASSIGN_OR_RETURN(
      std::vector<Frame> upscaled,
      TimeEngine(engine, mosaics, (mosaics.size() + 1) / 2, mosaic_row->speed, cancel, probe));
  size_t sample = 0;
  const std::span<const Frame> wholes =
      WholeFrames(decoded.wholes, whole_row->speed.wall, engine.options(), &sample);
  if (!wholes.empty()) {
    OCTO_RETURN_IF_ERROR(
        TimeEngine(engine, wholes, sample, whole_row->speed, cancel, probe).status());
  }
  return upscaled;
}

// An upscaler elsewhere, on whole frames; pieces of what it makes come back for the encoder.
Result<std::vector<Frame>> ProbeUpscaler(const ProbeRequest& request, const DecodedPieces& decoded,
                                         const Calibration& calibration, const CancelToken& cancel,
                                         ClipProbe* probe) {
  const UpscalerInfo& info = request.upscaler->info();
  const FrameSize tile = TileFor(request);
  const FrameSize upscaled_tile{tile.width * info.scale, tile.height * info.scale};
  std::mutex mutex;
  std::vector<Frame> pieces(decoded.wholes.size());
  const auto keep = [&](size_t index, const Frame& upscaled) {
    const std::lock_guard lock(mutex);
    if (pieces[index].empty()) pieces[index] = Mosaic(upscaled, upscaled_tile);
  };
  OCTO_ASSIGN_OR_RETURN(UpscalerSpeed speed,
                        MeasureUpscaler(*request.upscaler, decoded.wholes, keep, cancel));
  // Nobody says how many of the cores it takes: all, while it computes.
  if (request.upscaler_shares_cores) {
    speed.speed.cpu = speed.speed.wall * calibration.machine.threads;
  }
  EngineRow row;
  row.key = KeyOf(request.model);
  row.pixels = PixelsOf(decoded.wholes[0].size());
  row.speed = speed.speed;
  probe->engine = std::move(row);
  probe->batches_abreast = speed.batches_abreast;
  // Frames come round in order, so those that were not upscaled are the last.
  std::erase_if(pieces, [](const Frame& piece) { return piece.empty(); });
  return pieces;
}

Status ProbeEncoder(const ProbeRequest& request, const DecodedPieces& decoded,
                    const std::vector<Frame>& film, const Calibration& calibration,
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
    OCTO_ASSIGN_OR_RETURN(const EncoderSpeed cost,
                          MeasureEncoder(film, *decoded.reader, encoder, folder, cancel));
    probe->encoder_costs.emplace_back(preset, cost.speed.cpu / row->speed.cpu);
  }
  return OkStatus();
}

}  // namespace

Result<ClipProbe> ProbeClip(const ProbeRequest& request, const Calibration& calibration,
                            const CancelToken& cancel) {
  OCTO_ASSIGN_OR_RETURN(const DecodedPieces decoded, DecodePieces(request, cancel));
  ClipProbe probe;
  probe.decode_cpu = decoded.cpu_per_pixel;
  OCTO_ASSIGN_OR_RETURN(std::vector<Frame> film,
                        request.upscaler == nullptr
                            ? ProbeEngine(request, decoded, calibration, cancel, &probe)
                            : ProbeUpscaler(request, decoded, calibration, cancel, &probe));
  for (size_t i = film.size(); i < std::min(kFilmFrames, decoded.mosaics.size()); ++i) {
    film.push_back(Enlarged(decoded.mosaics[i], request.model.engine.scale));
  }
  OCTO_RETURN_IF_ERROR(ProbeEncoder(request, decoded, film, calibration, cancel, &probe));
  return probe;
}

}  // namespace octoscale
