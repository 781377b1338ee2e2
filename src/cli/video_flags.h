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
  std::string deinterlace = "auto";
  std::string rate;                // of picture sequences
  std::vector<std::string> extra;  // key=value
};

// -c, --crf, --preset, -e, --pix-fmt, what part of the input to take, and how to read it.
void AddVideoFlags(CLI::App& command, VideoFlags& flags);

// The parsed options. Errors: InvalidArgument.
Result<PipelineOptions> ResolveVideoFlags(const VideoFlags& flags);

// -e KEY=VALUE. InvalidArgument: a key is missing.
Result<std::vector<std::pair<std::string, std::string>>> ParseEncoderPairs(
    const std::vector<std::string>& pairs);

// "24", "23.976", "24000/1001" as a fraction. InvalidArgument, naming `option`.
Result<Rational> ParseRate(const std::string& option, const std::string& text);

// "12", "12.5", "1:02", "01:02:03.5" in seconds. InvalidArgument, naming `option`.
Result<double> ParseTime(const std::string& option, const std::string& text);

}  // namespace octoscale
