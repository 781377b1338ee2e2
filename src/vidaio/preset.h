// What a task fixes of an answer: container, codec, pixel format, tags, and a rate that can't pass
// the size limit. docs/vidaio.md gives the reasons.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "pipeline/pipeline.h"
#include "vidaio/tasks.h"
#include "video/media_info.h"

namespace octoscale {

enum class ClipCodec { kHevc, kAv1 };

// "hevc", "h265", "libx265"; "av1", "libsvtav1". InvalidArgument lists them.
Result<ClipCodec> ParseClipCodec(std::string_view name);

// FFmpeg's name of the encoder.
const char* ClipEncoder(ClipCodec codec);

struct PresetRequest {
  VidaioTask task;
  ClipCodec codec = ClipCodec::kHevc;
  std::optional<double> quality;  // CRF; unset: the preset's
  std::string encoder_preset;     // speed of the encoder; empty: the preset's
};

// Most bytes of an answer to an input of so many.
int64_t AnswerBytesMax(const VidaioTask& task, int64_t input_bytes);

// Sets what the task fixes in `options`; the reader, the journal and the streams to copy stay.
// Errors: InvalidArgument (the output isn't .mp4; the CRF), Unsupported (HDR, which 8 bits can't
// hold).
Status ApplyPreset(const PresetRequest& request, const MediaInfo& info, int64_t input_bytes,
                   const std::string& output, PipelineOptions* options);

}  // namespace octoscale
