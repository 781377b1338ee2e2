// What `octoscale upscale` does once its arguments are understood: one file, or several and those
// of folders.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "cli/progress.h"
#include "frame/frame_upscaler.h"
#include "image/image.h"
#include "models/model_upscaler.h"
#include "pipeline/pipeline.h"
#include "vidaio/clip_job.h"

namespace octoscale {

struct UpscaleJob {
  std::vector<std::string> inputs;  // files, or folders of them; at least one
  std::string output;               // a folder for several inputs or a folder; else a file
  bool overwrite = false;
  ProgressMode progress = ProgressMode::kAuto;
  PipelineOptions pipeline;
  EncodeOptions image;
  ModelRequest model;
  // With a task or a deadline: what every video's job is made from. Pictures are refused then.
  std::optional<ClipJob> clip;
  // Makes remote workers, say; called once (once for each video with `clip`, in turn), after the
  // paths were checked and before the first frame. Empty: the local engine.
  std::function<Result<std::unique_ptr<FrameUpscaler>>(const ModelRequest&)> make_upscaler;
  // What remote workers do; empty when there are none.
  ProgressPrinter::WorkerSource workers;
};

// Returns the process's exit code; everything was reported. Of several files one that fails is
// reported and the others go on; the exit code is 1 then.
int RunUpscaleJob(const UpscaleJob& job, const CancelToken& cancel);

}  // namespace octoscale
