#include "cli/video_flags.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>

namespace octoscale {
namespace {

Result<double> ParseNumber(const std::string& option, const std::string& whole,
                           const std::string& part) {
  double value = 0;
  const char* end = part.data() + part.size();
  const auto [stop, error] = std::from_chars(part.data(), end, value, std::chars_format::fixed);
  if (error == std::errc() && stop == end && std::isfinite(value) && value >= 0) return value;
  return InvalidArgument(
      option + ": '" + whole +
      "' is not a time; write seconds (12.5) or hours:minutes:seconds (0:01:02.5)");
}

}  // namespace

Result<double> ParseTime(const std::string& option, const std::string& text) {
  constexpr int kPartsMax = 3;
  double seconds = 0;
  int parts = 0;
  std::string::size_type start = 0;
  while (true) {
    const auto colon = text.find(':', start);
    const std::string part = text.substr(start, colon - start);
    OCTO_ASSIGN_OR_RETURN(const double value, ParseNumber(option, text, part));
    seconds = seconds * 60 + value;
    if (++parts > kPartsMax) return ParseNumber(option, text, "");
    if (colon == std::string::npos) return seconds;
    start = colon + 1;
  }
}

void AddVideoFlags(CLI::App& command, VideoFlags& flags) {
  EncoderOptions& encoder = flags.pipeline.writer.encoder;
  command.add_option("-c,--codec", encoder.codec, "Encoder, by FFmpeg's name")
      ->capture_default_str()
      ->group("Encoder");
  command.add_option("--crf", encoder.crf, "Constant quality; lower is better; 18 for libx264")
      ->group("Encoder");
  command.add_option("--preset", encoder.preset, "Speed of the encoder, e.g. slow")
      ->group("Encoder");
  command
      .add_option("-e,--encoder-option", flags.extra,
                  "Private option of the encoder, KEY=VALUE; may be repeated")
      ->type_name("KEY=VALUE")
      ->group("Encoder");
  command
      .add_option("--pix-fmt", encoder.pixel_format,
                  "Pixel format of the output; auto: the closest to the input's")
      ->capture_default_str()
      ->group("Encoder");
  command.add_option("--start", flags.start, "Begin here: seconds, or hours:minutes:seconds")
      ->type_name("TIME")
      ->group("Part of the input");
  command.add_option("--duration", flags.duration, "Take this much of the video")
      ->type_name("TIME")
      ->group("Part of the input");
  command.add_option("--frames", flags.pipeline.reader.frames, "Take this many frames")
      ->check(CLI::PositiveNumber)
      ->group("Part of the input");
  command
      .add_flag("--allow-truncated", flags.pipeline.reader.allow_truncated,
                "Take what a cut-off file still holds")
      ->group("Part of the input");
  command
      .add_flag("--drop-alpha", flags.pipeline.reader.drop_alpha,
                "Ignore the transparency of a video instead of refusing it")
      ->group("Part of the input");
}

Result<PipelineOptions> ResolveVideoFlags(const VideoFlags& flags) {
  PipelineOptions options = flags.pipeline;
  if (!flags.start.empty()) {
    OCTO_ASSIGN_OR_RETURN(options.reader.start_seconds, ParseTime("--start", flags.start));
  }
  if (!flags.duration.empty()) {
    OCTO_ASSIGN_OR_RETURN(options.reader.duration_seconds, ParseTime("--duration", flags.duration));
    if (options.reader.duration_seconds <= 0) {
      return InvalidArgument("--duration must be more than 0");
    }
  }
  for (const std::string& pair : flags.extra) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return InvalidArgument("-e '" + pair + "' is not KEY=VALUE");
    }
    options.writer.encoder.extra.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return options;
}

}  // namespace octoscale
