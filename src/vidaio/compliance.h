// Whether an answer to a task would be scored at all: every rule that makes it worth zero.
#pragma once

#include <string>

#include "base/cancel.h"
#include "base/status.h"
#include "vidaio/tasks.h"
#include "video/verify.h"

namespace octoscale {

// The checks, in the order of the report: readable, container, codec, profile, pixel_format,
// dimensions, frame_count, frame_rate, sample_aspect_ratio, colour_matrix, colour_transfer,
// colour_primaries, file_size, and those of CheckPictures(), which stand for the quality floor
// (VMAF against the original isn't computed). Pictures are paired by index.
// Errors: those of VideoReader for the input; Cancelled.
Result<VerifyReport> CheckAnswer(const VidaioTask& task, const std::string& input,
                                 const std::string& answer, const CancelToken& cancel = {});

// The judgement alone, for facts at hand.
VerifyReport JudgeAnswer(const VidaioTask& task, const VideoComparison& facts);

}  // namespace octoscale
