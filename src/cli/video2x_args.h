// What a video2x command line asks for.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "cli/engine_flags.h"
#include "pipeline/pipeline.h"

namespace octoscale {

enum class Video2xAction { kRun, kHelp, kVersion, kListDevices };

enum class Video2xLevel { kTrace, kDebug, kInfo, kWarning, kError, kCritical, kNone };

struct Video2xArgs {
  Video2xAction action = Video2xAction::kRun;
  Video2xLevel log_level = Video2xLevel::kInfo;
  bool progress = true;
  bool benchmark = false;
  std::string input;
  std::string output;  // may be empty with `benchmark`
  EngineFlags engine;
  WriterOptions writer;
  int drop_tail = 0;  // frames at the end to leave out
  std::vector<std::string> warnings;
};

// `arguments`: without the program's name; none at all asks for help. `drop_tail`: the value of
// OCTOSCALE_VIDEO2X_DROP_TAIL, null when unset. Errors: InvalidArgument.
Result<Video2xArgs> ParseVideo2xArgs(std::span<const std::string> arguments, const char* drop_tail);

}  // namespace octoscale
