#include "vidaio/compliance.h"

#include <cmath>
#include <utility>

#include "video/verify_text.h"

namespace octoscale {
namespace {

constexpr double kRateErrorMax = 0.3;  // frames per second
constexpr int kUnspecified = 2;        // ITU-T H.273
constexpr const char* kPixelFormat = "yuv420p";
// Answers that resemble their input less than this would not reach the quality floor.
constexpr double kPsnrDbMin = 20;
constexpr double kSsimMin = 0.5;

void Add(VerifyReport* report, std::string name, bool ok, std::string expected, std::string found) {
  report->checks.push_back({std::move(name), ok, std::move(expected), std::move(found)});
}

void CheckEncoding(const VideoComparison& facts, VerifyReport* report) {
  const VideoStreamInfo& out = facts.output.video;
  // FFmpeg's demuxer of MP4 and QuickTime reads both; the brand tells them apart.
  const bool mp4 =
      facts.output.container.find("mp4") != std::string::npos && facts.output.major_brand != "qt  ";
  Add(report, "container", mp4, "MP4",
      mp4 ? "MP4" : facts.output.container + " " + facts.output.major_brand);
  const bool hevc = out.codec == "hevc", av1 = out.codec == "av1";
  Add(report, "codec", hevc || av1, "hevc or av1", out.codec);
  const bool profile = (hevc && (out.profile == "Main" || out.profile == "Main 10")) ||
                       (av1 && out.profile == "Main");
  Add(report, "profile", profile, av1 ? "Main" : "Main or Main 10",
      out.profile.empty() ? "none" : out.profile);
  Add(report, "pixel_format", out.pixel_format == kPixelFormat, kPixelFormat, out.pixel_format);
}

// Frames per second from counting; a variable rate has this average.
double RateOf(const VideoStreamInfo& video, int64_t frames, double length) {
  if (video.frame_rate.num > 0) return video.frame_rate.value();
  return length > 0 ? static_cast<double>(frames) / length : 0;
}

void CheckGeometry(const VidaioTask& task, const VideoComparison& facts, VerifyReport* report) {
  const VideoStreamInfo& in = facts.input.video;
  const VideoStreamInfo& out = facts.output.video;
  const FrameSize wanted{in.size.width * task.scale, in.size.height * task.scale};
  Add(report, "dimensions", out.size == wanted, SizeText(wanted), SizeText(out.size));
  Add(report, "frame_count", facts.input_frames == facts.output_frames,
      std::to_string(facts.input_frames), std::to_string(facts.output_frames));
  const double rate_in = RateOf(in, facts.input_frames, facts.times.input_length);
  const double rate_out = RateOf(out, facts.output_frames, facts.times.output_length);
  Add(report, "frame_rate", std::abs(rate_in - rate_out) <= kRateErrorMax,
      DecimalText(rate_in, 3) + " fps, within " + DecimalText(kRateErrorMax, 1),
      DecimalText(rate_out, 3) + " fps");
  const Rational aspect = out.sample_aspect;
  Add(report, "sample_aspect_ratio", aspect.num <= 0 || aspect.den <= 0 || aspect.num == aspect.den,
      "1:1 or unset", AspectText(aspect));
}

void CheckTag(const char* name, int in, int out, std::string (*text)(int), VerifyReport* report) {
  const bool both = in != kUnspecified && out != kUnspecified;
  Add(report, name, !both || in == out, in == kUnspecified ? "any" : text(in) + " or unset",
      text(out));
}

void CheckSize(const VidaioTask& task, const VideoComparison& facts, VerifyReport* report) {
  const int64_t limit = facts.input_bytes * task.size_factor_max;
  Add(report, "file_size", facts.output_bytes <= limit,
      "at most " + std::to_string(limit) + " bytes (" + std::to_string(task.size_factor_max) +
          " x the input)",
      std::to_string(facts.output_bytes) + " bytes");
}

}  // namespace

VerifyReport JudgeAnswer(const VidaioTask& task, const VideoComparison& facts) {
  VerifyReport report;
  report.checks.push_back(CheckReadable(facts));
  if (!report.ok()) return report;
  CheckEncoding(facts, &report);
  CheckGeometry(task, facts, &report);
  const ColourTags& in = facts.input.video.colour;
  const ColourTags& out = facts.output.video.colour;
  CheckTag("colour_matrix", in.matrix, out.matrix, MatrixText, &report);
  CheckTag("colour_transfer", in.transfer, out.transfer, TransferText, &report);
  CheckTag("colour_primaries", in.primaries, out.primaries, PrimariesText, &report);
  CheckSize(task, facts, &report);
  CheckPictures(facts, kPsnrDbMin, kSsimMin, &report.checks);
  return report;
}

Result<VerifyReport> CheckAnswer(const VidaioTask& task, const std::string& input,
                                 const std::string& answer, const CancelToken& cancel) {
  CompareOptions options;
  options.pairing = FramePairing::kByIndex;
  OCTO_ASSIGN_OR_RETURN(const VideoComparison facts, CompareVideos(input, answer, options, cancel));
  return JudgeAnswer(task, facts);
}

}  // namespace octoscale
