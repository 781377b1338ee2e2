// What the journal costs: the same video with and without one, in turns.
#pragma once

#include <cstdint>
#include <string>

#include "base/cancel.h"
#include "base/status.h"
#include "frame/frame_upscaler.h"
#include "pipeline/pipeline.h"

namespace octoscale {

// The fastest of several runs, each number by itself.
struct JournalRun {
  double seconds = 0;      // wall time
  double cpu_seconds = 0;  // of the whole process
  int64_t output_bytes = 0;
};

struct JournalCost {
  int64_t frames = 0;
  int64_t segment_frames = 0;
  JournalRun without;
  JournalRun with;
};

// Upscales `input` `rounds` times of each kind into a temporary folder, after one run that counts
// for nothing. Errors: those of RunPipeline; InvalidArgument when the job takes no journal.
Result<JournalCost> BenchJournal(const std::string& input, FrameUpscaler& upscaler,
                                 const PipelineOptions& options, int rounds,
                                 const CancelToken& cancel);

}  // namespace octoscale
