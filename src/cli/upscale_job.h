// What `octoscale upscale` does once its arguments are understood: one file, or every video and
// picture of a folder.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/cancel.h"
#include "base/status.h"
#include "cli/progress.h"
#include "frame/frame_upscaler.h"
#include "image/image.h"
#include "pipeline/pipeline.h"

namespace octoscale {

struct UpscaleJob {
  std::string input;
  std::string output;
  bool overwrite = false;
  ProgressMode progress = ProgressMode::kAuto;
  PipelineOptions pipeline;
  EncodeOptions image;
  // Called once, after the paths were checked and before the first frame.
  std::function<Result<std::unique_ptr<FrameUpscaler>>()> make_upscaler;
  // What remote workers do; empty when there are none.
  ProgressPrinter::WorkerSource workers;
};

// Returns the process's exit code; everything was reported. In a folder a file that fails is
// reported and the others go on; the exit code is 1 then.
int RunUpscaleJob(const UpscaleJob& job, const CancelToken& cancel);

}  // namespace octoscale
