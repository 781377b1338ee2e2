#include "vidaio/preset.h"

#include <strings.h>

#include <algorithm>
#include <cmath>

#include "pipeline/segment_sink.h"
#include "video/crf.h"

namespace octoscale {
namespace {

// How much of the room for the video the cap hands out. x265 keeps to its buffer; SVT-AV1's capped
// CRF was seen 16 % above its cap.
constexpr double kShareHevc = 0.9;
constexpr double kShareAv1 = 0.7;
// Of the buffer, at the beginning of each segment; see EncoderOptions::rate_cap.
constexpr double kBufferStart = 0.9;
constexpr double kBufferSecondsMin = 0.05;
constexpr double kBufferSecondsMax = 2;
// MP4's index of a frame, and everything that an empty file holds.
constexpr int64_t kIndexBytes = 24;
constexpr int64_t kHeaderBytes = 2048;
// Constant quality never takes more: a cap above it would only cost time.
constexpr double kBitsPerPixelMax = 4;

bool HasOtherStreams(const MediaInfo& info) {
  return std::any_of(info.streams.begin(), info.streams.end(), [&](const StreamInfo& stream) {
    return stream.index != info.video.stream_index && stream.kind != StreamKind::kData;
  });
}

double SecondsOf(const MediaInfo& info) {
  const VideoStreamInfo& video = info.video;
  if (video.duration_seconds > 0) return video.duration_seconds;
  if (video.frames > 0 && video.frame_rate.num > 0) {
    return static_cast<double>(video.frames) / video.frame_rate.value();
  }
  return info.duration_seconds;
}

// How many segments the encoder starts afresh for.
int64_t Segments(const MediaInfo& info, const JournalOptions& journal) {
  if (journal.mode == JournalMode::kNone || info.video.frames <= 0) return 1;
  const int64_t frames =
      journal.segment_frames > 0 ? journal.segment_frames : SegmentFrames(info.video.size);
  return (info.video.frames + frames - 1) / frames;
}

// Bits go at most: rate x seconds, and what the buffer holds at the beginning of each segment.
void SetRateCap(const VidaioTask& task, const MediaInfo& info, int64_t input_bytes,
                PipelineOptions* options) {
  const double seconds = SecondsOf(info);
  if (seconds <= 0) return;
  EncoderOptions& encoder = options->writer.encoder;
  int64_t room = AnswerBytesMax(task, input_bytes);
  if (HasOtherStreams(info)) room -= input_bytes;
  room = std::max(room / 2, room - kHeaderBytes - kIndexBytes * info.video.frames);
  const int64_t segments = Segments(info, options->journal);
  const double buffer =
      std::clamp(seconds / static_cast<double>(segments) / 4, kBufferSecondsMin, kBufferSecondsMax);
  const double share = encoder.codec == "libx265" ? kShareHevc : kShareAv1;
  const double rate = static_cast<double>(room) * 8 * share /
                      (seconds + kBufferStart * buffer * static_cast<double>(segments));
  const FrameSize size = info.video.size;
  const double pixels = static_cast<double>(size.width) * size.height * task.scale * task.scale;
  const double frame_rate = static_cast<double>(info.video.frames) / seconds;
  if (frame_rate > 0 && rate > kBitsPerPixelMax * pixels * frame_rate) return;
  encoder.rate_cap = std::max<int64_t>(1000, std::llround(rate));
  encoder.rate_cap_seconds = buffer;
}

Status CheckAnswerName(const VidaioTask& task, const std::string& output) {
  const size_t dot = output.rfind('.');
  if (dot != std::string::npos && strcasecmp(output.c_str() + dot, ".mp4") == 0) return OkStatus();
  return InvalidArgument(output + ": the answer to " + task.name +
                         " is an MP4 file; give it a name that ends in .mp4");
}

}  // namespace

Result<ClipCodec> ParseClipCodec(std::string_view name) {
  const std::string wanted(name);
  for (const char* hevc : {"hevc", "h265", "libx265"}) {
    if (strcasecmp(wanted.c_str(), hevc) == 0) return ClipCodec::kHevc;
  }
  for (const char* av1 : {"av1", "libsvtav1"}) {
    if (strcasecmp(wanted.c_str(), av1) == 0) return ClipCodec::kAv1;
  }
  return InvalidArgument("codec '" + wanted + "' would score zero; answers are hevc (libx265) or " +
                         "av1 (libsvtav1)");
}

const char* ClipEncoder(ClipCodec codec) {
  return codec == ClipCodec::kHevc ? "libx265" : "libsvtav1";
}

int64_t AnswerBytesMax(const VidaioTask& task, int64_t input_bytes) {
  return input_bytes * task.size_factor_max;
}

Status ApplyPreset(const PresetRequest& request, const MediaInfo& info, int64_t input_bytes,
                   const std::string& output, PipelineOptions* options) {
  OCTO_RETURN_IF_ERROR(CheckAnswerName(request.task, output));
  const bool hevc = request.codec == ClipCodec::kHevc;
  const double crf_max = CrfMax(ClipEncoder(request.codec));
  if (request.quality && !(*request.quality >= 0 && *request.quality <= crf_max)) {
    return InvalidArgument("the quality (CRF) of " + std::string(ClipEncoder(request.codec)) +
                           " is 0 to " + std::to_string(static_cast<int>(crf_max)));
  }
  if (info.video.colour.hdr()) {
    return Unsupported(info.path + ": is HDR, but answers to " + request.task.name +
                       " have 8 bits, which would show bands; upscale it without a task");
  }
  EncoderOptions& encoder = options->writer.encoder;
  encoder = EncoderOptions();
  encoder.codec = ClipEncoder(request.codec);
  encoder.pixel_format = "yuv420p";
  encoder.square_pixels = true;
  // Decoders call yuv420p in full range by another name, which isn't accepted.
  encoder.limited_range = true;
  encoder.crf = request.quality;
  encoder.preset = request.encoder_preset;
  if (encoder.preset.empty()) encoder.preset = hevc ? "medium" : "8";
  if (hevc) {
    encoder.extra.emplace_back("profile", "main");
    encoder.extra.emplace_back("x265-params", "info=0");  // 2 KB that count for small inputs
  }
  SetRateCap(request.task, info, input_bytes, options);
  return OkStatus();
}

}  // namespace octoscale
