#include "cli/video_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

namespace octoscale {
namespace {

Result<Deinterlace> ParseDeinterlace(const std::string& text) {
  if (text == "auto") return Deinterlace::kAuto;
  if (text == "on") return Deinterlace::kOn;
  if (text == "off") return Deinterlace::kOff;
  return InvalidArgument("--deinterlace is auto, on or off, not '" + text + "'");
}

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

Result<Rational> ParseRate(const std::string& option, const std::string& text) {
  constexpr int kNumeratorMax = 1'000'000;
  // A film at "23.976" runs at 24000/1001.
  for (const auto& [name, num] : {std::pair("23.976", 24000), {"29.97", 30000}, {"59.94", 60000}}) {
    if (text == name) return Rational{num, 1001};
  }
  Rational rate;
  const char* end = text.data() + text.size();
  std::from_chars_result read = std::from_chars(text.data(), end, rate.num);
  if (read.ec == std::errc() && read.ptr != end && *read.ptr == '/') {
    read = std::from_chars(read.ptr + 1, end, rate.den);
  } else if (read.ec == std::errc() && read.ptr != end && *read.ptr == '.') {
    double value = 0;
    read = std::from_chars(text.data(), end, value, std::chars_format::fixed);
    rate = {static_cast<int>(std::lround(std::min(value, 1000.0) * 1000)), 1000};
  }
  const bool whole = read.ec == std::errc() && read.ptr == end;
  if (whole && rate.num > 0 && rate.den > 0 && rate.num <= kNumeratorMax) return rate;
  return InvalidArgument(option + ": '" + text +
                         "' is not a frame rate; write 25, 23.976 or 24000/1001");
}

void AddVideoFlags(CLI::App& command, VideoFlags& flags) {
  EncoderOptions& encoder = flags.pipeline.writer.encoder;
  command.add_option("-c,--codec", encoder.codec, "Encoder, by FFmpeg's name")
      ->capture_default_str()
      ->group("Encoder");
  command
      .add_option("--crf", encoder.crf,
                  "Constant quality; lower is better; 18 for libx264, 2 (of 1 to 31) for mpeg4")
      ->group("Encoder");
  command.add_option("--preset", encoder.preset, "Speed of the encoder, e.g. slow")
      ->group("Encoder");
  command
      .add_option("-e,--encoder-option", flags.extra,
                  "Option of the encoder, KEY=VALUE (b=8M: bit rate); may be repeated")
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
      .add_option("--deinterlace", flags.deinterlace,
                  "auto: pictures marked interlaced; on: all of them; off")
      ->capture_default_str()
      ->group("Part of the input");
  command
      .add_option("-r,--rate", flags.rate,
                  "Frames per second of numbered pictures (frame_%06d.png); 25 unless given")
      ->type_name("RATE")
      ->group("Part of the input");
  command
      .add_flag("--allow-truncated", flags.pipeline.reader.allow_truncated,
                "Take what a cut-off file still holds")
      ->group("Part of the input");
  command
      .add_flag("--drop-alpha", flags.pipeline.reader.drop_alpha,
                "Ignore the transparency of a video")
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
  if (!flags.rate.empty()) {
    OCTO_ASSIGN_OR_RETURN(options.reader.sequence_rate, ParseRate("--rate", flags.rate));
  }
  OCTO_ASSIGN_OR_RETURN(options.reader.deinterlace, ParseDeinterlace(flags.deinterlace));
  OCTO_ASSIGN_OR_RETURN(options.writer.encoder.extra, ParseEncoderPairs(flags.extra));
  return options;
}

Result<std::vector<std::pair<std::string, std::string>>> ParseEncoderPairs(
    const std::vector<std::string>& pairs) {
  std::vector<std::pair<std::string, std::string>> parsed;
  for (const std::string& pair : pairs) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return InvalidArgument("-e '" + pair + "' is not KEY=VALUE");
    }
    parsed.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return parsed;
}

}  // namespace octoscale
