// The options of reading and writing videos, shared by `upscale` and `bench video`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "pipeline/pipeline.h"

namespace CLI {
class App;
}

namespace octoscale {

struct VideoFlags {
  PipelineOptions pipeline;  // filled as far as the options allow
  std::string start;
  std::string duration;
  std::vector<std::string> extra;  // key=value
};

// -c, --crf, --preset, -e, --pix-fmt and what part of the input to take.
void AddVideoFlags(CLI::App& command, VideoFlags& flags);

// The parsed options. Errors: InvalidArgument.
Result<PipelineOptions> ResolveVideoFlags(const VideoFlags& flags);

// "12", "12.5", "1:02", "01:02:03.5" in seconds. InvalidArgument, naming `option`.
Result<double> ParseTime(const std::string& option, const std::string& text);

}  // namespace octoscale
