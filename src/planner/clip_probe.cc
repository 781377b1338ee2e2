#include "planner/clip_probe.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/temporary_folder.h"
#include "planner/calibrate.h"
#include "planner/encoder_speed.h"
#include "planner/engine_probe.h"
#include "planner/enlarge.h"
#include "planner/mosaic.h"
#include "planner/stopwatch.h"
#include "planner/upscaler_speed.h"
#include "video/colour.h"

namespace octoscale {
namespace {

// Decoded frames: as many as the encoder's probe can use, in about a second. Where the network
// makes fewer than kFilmFrames of them the others are enlarged without it.
constexpr size_t kProbeFrames = kEncoderFramesMin;
constexpr size_t kFilmFrames = 16;
constexpr double kDecodeSeconds = 1;
constexpr double kDecodeSecondsMax = 2;  // with fewer than kFilmFrames
constexpr size_t kWholesMax = 16;        // for the local engine
// Upscaled, they begin and end where the encoders' blocks of 64 pixels do.
constexpr FrameSize kTileX2{96, 64};
constexpr FrameSize kTileX4{48, 32};
// The first frames of a clip may be black: the probe begins after this share of it.
constexpr double kStart = 0.4;
// Decoded frames that are kept whole for an upscaler elsewhere.
constexpr size_t kWholeBytesMax = size_t{512} << 20;

FrameSize TileFor(const ProbeRequest& request) {
  return request.model.engine.scale > 2 ? kTileX4 : kTileX2;
}

struct DecodedPieces {
  std::unique_ptr<VideoReader> reader;
  std::vector<Frame> mosaics;  // for the encoder
  std::vector<Frame> wholes;   // for the network; at most kEngineSizeMax for the local one
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
      decoded.wholes.push_back(Middle(frame, kEngineSizeMax));
    } else if (decoded.wholes.size() < 2 || bytes <= kWholeBytesMax) {
      decoded.wholes.push_back(frame.Clone());
    }
  }
  if (decoded.mosaics.empty()) return CorruptInput(request.input + ": no frame to look at");
  decoded.cpu_per_pixel = (Now() - start).cpu / (static_cast<double>(decoded.mosaics.size()) *
                                                 PixelsOf(decoded.reader->info().video.size));
  return decoded;
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

Result<EncoderCost> ProbeEncoder(const ProbeRequest& request, const std::string& preset,
                                 const DecodedPieces& decoded, const std::vector<Frame>& film,
                                 const Calibration& calibration, const CancelToken& cancel) {
  EncoderOptions encoder = request.encoder;
  encoder.preset = preset;
  const double share =
      PixelsOf(decoded.mosaics[0].size()) / PixelsOf(decoded.reader->info().video.size);
  encoder.rate_cap =
      static_cast<int64_t>(static_cast<double>(encoder.rate_cap) * std::min(1.0, share));
  const auto row = FindEncoder(calibration, encoder.codec, preset);
  if (!row) return Internal("the probe's encoder preset '" + preset + "' isn't calibrated");
  OCTO_ASSIGN_OR_RETURN(const TemporaryFolder folder, TemporaryFolder::Create());
  OCTO_ASSIGN_OR_RETURN(const EncoderSpeed now,
                        MeasureEncoder(film, *decoded.reader, encoder, folder, cancel));
  return EncoderCost{preset, now.speed.cpu / row->speed.cpu, now.begin_frames};
}

}  // namespace

Result<ClipProbe> ProbeClip(const ProbeRequest& request, const Calibration& calibration,
                            const CancelToken& cancel) {
  OCTO_ASSIGN_OR_RETURN(const DecodedPieces decoded, DecodePieces(request, cancel));
  ClipProbe probe;
  probe.decode_cpu = decoded.cpu_per_pixel;
  std::optional<EngineProbe> engine;
  std::vector<Frame> film;
  if (request.upscaler == nullptr) {
    OCTO_ASSIGN_OR_RETURN(engine, EngineProbe::Create(request.model, calibration));
    OCTO_ASSIGN_OR_RETURN(film, engine->Upscale(decoded.mosaics, cancel));
  } else {
    OCTO_ASSIGN_OR_RETURN(film, ProbeUpscaler(request, decoded, calibration, cancel, &probe));
  }
  for (size_t i = film.size(); i < std::min(kFilmFrames, decoded.mosaics.size()); ++i) {
    film.push_back(Enlarged(decoded.mosaics[i], request.model.engine.scale));
  }
  // The engine's samples lie between the encoder's: where the machine's speed changes from second
  // to second, several moments say more than one.
  if (engine) OCTO_RETURN_IF_ERROR(engine->Sample(decoded.wholes, cancel));
  for (const std::string& preset : request.presets) {
    OCTO_ASSIGN_OR_RETURN(EncoderCost cost,
                          ProbeEncoder(request, preset, decoded, film, calibration, cancel));
    probe.encoder_costs.push_back(std::move(cost));
    if (engine) OCTO_RETURN_IF_ERROR(engine->Sample(decoded.wholes, cancel));
  }
  if (engine) engine->Finish(&probe);
  return probe;
}

}  // namespace octoscale
