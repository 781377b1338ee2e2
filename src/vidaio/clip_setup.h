// A job made complete: what its task fixes is filled in. Shared by running and planning.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "vidaio/clip_job.h"

namespace octoscale {

struct ClipSetup {
  MediaInfo info;
  ModelRequest model;
  PipelineOptions pipeline;
  int64_t bytes_max = 0;  // of the answer; 0: no task
};

// Opens the input once. Errors: those of ApplyPreset and VideoReader; InvalidArgument (part of a
// clip is asked for).
Result<ClipSetup> SetUpClip(const ClipJob& job);

}  // namespace octoscale
