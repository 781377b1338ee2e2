// The options of a task and of a deadline: --task, --deadline and what goes with them.
#pragma once

#include <string>

#include "base/status.h"
#include "cli/engine_flags.h"
#include "cli/video_flags.h"
#include "vidaio/clip_job.h"

namespace CLI {
class App;
}

namespace octoscale {

struct ClipFlags {
  std::string task;
  std::string deadline;
  std::string late = "refuse";
  bool recalibrate = false;

  bool used() const { return !task.empty() || !deadline.empty(); }
};

// Seconds of --deadline: "40s", "40" or "1:30". InvalidArgument when it is no time, not above 0 or
// more than a week.
Result<double> ParseDeadline(const std::string& text);

void AddClipFlags(CLI::App& command, ClipFlags& flags);

// A clip's job without input and output. `command` tells what the user wrote from the defaults: a
// task decides scale, codec and pixel format itself.
// Errors: InvalidArgument (an option that contradicts the task, by name; unknown task; no time).
Result<ClipJob> ResolveClipFlags(const ClipFlags& flags, const EngineFlags& engine,
                                 const PipelineOptions& pipeline, const CLI::App& command);

}  // namespace octoscale
