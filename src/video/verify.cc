#include "video/verify.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string_view>
#include <utility>

#include "video/colour_internal.h"
#include "video/planes.h"
#include "video/verify_text.h"

namespace octoscale {
namespace {

constexpr std::array kScales = {2, 3, 4};
constexpr int kUnspecified = 2;  // ITU-T H.273

class Checks {
 public:
  explicit Checks(std::vector<VerifyCheck>* checks) : checks_(checks) {}
  void Add(std::string name, bool ok, std::string expected, std::string found) {
    checks_->push_back({std::move(name), ok, std::move(expected), std::move(found)});
  }

 private:
  std::vector<VerifyCheck>* checks_;
};

void CheckDimensions(const VideoComparison& facts, int scale, Checks checks) {
  const FrameSize from = TurnedSize(facts.input.video.size, facts.turn);
  const FrameSize to = facts.output.video.size;
  const auto scaled = [&](int s) { return FrameSize{from.width * s, from.height * s}; };
  bool ok = false;
  std::string expected;
  for (const int candidate : kScales) {
    if (scale != 0 && candidate != scale) continue;
    ok = ok || to == scaled(candidate);
    expected += (expected.empty() ? "" : " or ") + SizeText(scaled(candidate));
  }
  checks.Add("dimensions", ok, expected, SizeText(to));
}

void CheckTimes(const VideoComparison& facts, Checks checks) {
  const TimeFacts& times = facts.times;
  checks.Add("frame_count", facts.input_frames == facts.output_frames,
             std::to_string(facts.input_frames), std::to_string(facts.output_frames));
  checks.Add("start_time", std::abs(times.input_start - times.output_start) <= times.tolerance,
             SecondsText(times.input_start), SecondsText(times.output_start));
  const std::string within = "within " + DecimalText(1000 * times.tolerance, 3) + " ms";
  const bool in_step = times.missing.count == 0 && times.extra.count == 0;
  std::string found = "worst error " + DecimalText(1000 * times.worst_time_error, 3) + " ms";
  if (times.missing.count > 0) found += "; missing: " + FaultsText(times.missing);
  if (times.extra.count > 0) found += "; extra: " + FaultsText(times.extra);
  checks.Add("frame_times", in_step, "each frame " + within, found);

  const double duration_tolerance = 2 * times.tolerance;
  found = "worst error " + DecimalText(1000 * times.worst_duration_error, 3) + " ms";
  const bool durations_ok = times.worst_duration_error <= duration_tolerance;
  if (!durations_ok) found += " at " + PlaceText(times.worst_duration);
  checks.Add("frame_durations", durations_ok,
             "each frame within " + DecimalText(1000 * duration_tolerance, 3) + " ms", found);
  checks.Add("duration", times.length_error <= duration_tolerance, SecondsText(times.input_length),
             SecondsText(times.output_length));
}

void CheckFormat(const VideoComparison& facts, const VerifyOptions& options, Checks checks) {
  const VideoStreamInfo& in = facts.input.video;
  const VideoStreamInfo& out = facts.output.video;
  const auto any_or = [](const std::string& wanted) { return wanted.empty() ? "any" : wanted; };
  checks.Add("codec", options.codec.empty() || out.codec == options.codec, any_or(options.codec),
             out.codec);
  checks.Add("profile", options.profile.empty() || out.profile == options.profile,
             any_or(options.profile), out.profile.empty() ? "none" : out.profile);
  if (options.pixel_format.empty()) {
    checks.Add("pixel_format", out.bit_depth >= in.bit_depth,
               std::to_string(in.bit_depth) + " bits or more (input: " + in.pixel_format + ")",
               out.pixel_format);
  } else {
    checks.Add("pixel_format", out.pixel_format == options.pixel_format, options.pixel_format,
               out.pixel_format);
  }
  const auto square = [](Rational aspect) {
    return aspect.num <= 0 || aspect.den <= 0 ? Rational{1, 1} : aspect;
  };
  Rational a = square(in.sample_aspect);
  if (facts.turn.swaps_sides()) a = {a.den, a.num};
  const Rational b = square(out.sample_aspect);
  checks.Add("sample_aspect_ratio", int64_t{a.num} * b.den == int64_t{b.num} * a.den, AspectText(a),
             AspectText(out.sample_aspect));
  // The other checks say whether the pixels are turned instead.
  const bool has_mark = facts.output.container.find("mp4") != std::string::npos;
  const bool turned = !has_mark && out.orientation.upright();
  checks.Add("rotation", in.orientation == out.orientation || turned,
             OrientationText(in.orientation) + (has_mark ? "" : ", or turned"),
             OrientationText(out.orientation));
}

// A tag that the input lacks may be absent, or what the rule for untagged video makes of it.
void CheckTag(const char* name, int in, int resolved, int out, std::string (*text)(int),
              Checks checks) {
  if (in != kUnspecified) {
    checks.Add(name, out == in, text(in), text(out));
    return;
  }
  const bool may_resolve = resolved != kUnspecified;
  checks.Add(name, out == kUnspecified || (may_resolve && out == resolved),
             may_resolve ? "unset or " + text(resolved) : "unset", text(out));
}

// Decoded pictures always have a layout; a default one stands for what can't be.
PixelLayout LayoutOfName(const std::string& pixel_format) {
  Result<PixelLayout> layout = LayoutOf(av_get_pix_fmt(pixel_format.c_str()));
  return layout.ok() ? *layout : PixelLayout();
}

void CheckColours(const VideoComparison& facts, Checks checks) {
  const VideoStreamInfo& in = facts.input.video;
  const ColourTags& out = facts.output.video.colour;
  const PixelLayout layout_in = LayoutOfName(in.pixel_format);
  const bool rgb_in = layout_in.rgb;
  const bool rgb_out = LayoutOfName(facts.output.video.pixel_format).rgb;
  const ColourTags resolved = SourceColour(in.colour, layout_in, in.size.height);
  // RGB has no matrix and a range of its own: what becomes of them in YUV is the encoder's choice.
  if (rgb_in != rgb_out) {
    checks.Add("colour_matrix", true, "any (RGB to YUV or back)", MatrixText(out.matrix));
    checks.Add("colour_range", true, "any (RGB to YUV or back)", RangeText(out.range));
  } else {
    CheckTag("colour_matrix", in.colour.matrix, resolved.matrix, out.matrix, MatrixText, checks);
    const bool untagged = in.colour.range == ColourRange::kUnknown;
    const bool ok = out.range == resolved.range || (untagged && out.range == ColourRange::kUnknown);
    checks.Add("colour_range", ok, (untagged ? "unset or " : "") + RangeText(resolved.range),
               RangeText(out.range));
  }
  CheckTag("colour_primaries", in.colour.primaries, kUnspecified, out.primaries, PrimariesText,
           checks);
  CheckTag("colour_transfer", in.colour.transfer, kUnspecified, out.transfer, TransferText, checks);
}

// ISO 639-2 has two codes for some languages: Matroska writes the first, MP4 either.
std::string TerminologyCode(const std::string& language) {
  constexpr std::pair<std::string_view, std::string_view> kCodes[] = {
      {"alb", "sqi"}, {"arm", "hye"}, {"baq", "eus"}, {"bur", "mya"}, {"chi", "zho"},
      {"cze", "ces"}, {"dut", "nld"}, {"fre", "fra"}, {"geo", "kat"}, {"ger", "deu"},
      {"gre", "ell"}, {"ice", "isl"}, {"mac", "mkd"}, {"mao", "mri"}, {"may", "msa"},
      {"per", "fas"}, {"rum", "ron"}, {"slo", "slk"}, {"tib", "bod"}, {"wel", "cym"}};
  for (const auto& [bibliographic, terminology] : kCodes) {
    if (language == bibliographic) return std::string(terminology);
  }
  return language;
}

// "2 (eng, deu)": how many streams of a kind, and their languages where tagged.
std::string StreamsText(const MediaInfo& info, StreamKind kind) {
  int count = 0;
  bool tagged = false;
  std::string languages;
  for (const StreamInfo& stream : info.streams) {
    if (stream.kind != kind) continue;
    // MP4 writes "und" where there is no language.
    const bool known = !stream.language.empty() && stream.language != "und";
    languages +=
        (count == 0 ? "" : ", ") + (known ? TerminologyCode(stream.language) : std::string("-"));
    tagged = tagged || known;
    ++count;
  }
  return std::to_string(count) + (tagged ? " (" + languages + ")" : "");
}

void CheckStreams(const VideoComparison& facts, Checks checks) {
  const auto kind = [&](const char* name, StreamKind stream_kind) {
    const std::string in = StreamsText(facts.input, stream_kind);
    const std::string out = StreamsText(facts.output, stream_kind);
    checks.Add(name, in == out, in, out);
  };
  kind("audio_streams", StreamKind::kAudio);
  kind("subtitle_streams", StreamKind::kSubtitle);
  kind("attachments", StreamKind::kAttachment);
  kind("cover_art", StreamKind::kCoverArt);
  checks.Add("chapters", facts.input.chapters == facts.output.chapters,
             std::to_string(facts.input.chapters), std::to_string(facts.output.chapters));
}

const std::set<std::string>& CheckNames() {
  static const std::set<std::string> names = {"readable",
                                              "decoding",
                                              "dimensions",
                                              "frame_count",
                                              "start_time",
                                              "frame_times",
                                              "frame_durations",
                                              "duration",
                                              "codec",
                                              "profile",
                                              "pixel_format",
                                              "sample_aspect_ratio",
                                              "rotation",
                                              "colour_matrix",
                                              "colour_range",
                                              "colour_primaries",
                                              "colour_transfer",
                                              "audio_streams",
                                              "subtitle_streams",
                                              "attachments",
                                              "cover_art",
                                              "chapters",
                                              "black_frames",
                                              "frozen_frames",
                                              "frame_order",
                                              "alignment",
                                              "psnr",
                                              "ssim"};
  return names;
}

Status CheckIgnored(const std::vector<std::string>& ignored) {
  for (const std::string& name : ignored) {
    if (CheckNames().count(name) > 0) continue;
    std::string all;
    for (const std::string& known : CheckNames()) all += (all.empty() ? "" : ", ") + known;
    return InvalidArgument("'" + name + "' is not a check; there are: " + all);
  }
  return OkStatus();
}

std::string AlignmentText(const PictureFacts& pictures) {
  std::string text;
  if (pictures.moved_x != 0) text = pictures.moved_x > 0 ? "1 px to the right" : "1 px to the left";
  if (pictures.moved_y != 0) {
    text += text.empty() ? "1 px " : " and ";
    text += pictures.moved_y > 0 ? "down" : "up";
  }
  return text.empty() ? "in place" : text;
}

}  // namespace

bool VerifyReport::ok() const {
  return std::ranges::all_of(checks, [](const VerifyCheck& check) { return check.ok; });
}

std::string VerifyReport::Failures() const {
  std::string names;
  for (const VerifyCheck& check : checks) {
    if (!check.ok) names += (names.empty() ? "" : ", ") + check.name;
  }
  return names;
}

VerifyCheck CheckReadable(const VideoComparison& facts) {
  const bool ok = facts.output_error.ok();
  return {"readable", ok, "a whole video", ok ? "a whole video" : facts.output_error.message()};
}

void CheckPictures(const VideoComparison& facts, double psnr_db_min, double ssim_min,
                   std::vector<VerifyCheck>* list) {
  Checks checks(list);
  const PictureFacts& pictures = facts.pictures;
  if (pictures.pairs == 0) {
    const std::string why = pictures.factor == 0
                                ? "not computed: the output is no whole multiple of the input"
                                : "not computed: no frames belong together";
    checks.Add("psnr", false, DecimalText(psnr_db_min, 1) + " dB or more", why);
    checks.Add("ssim", false, DecimalText(ssim_min, 3) + " or more", why);
    return;
  }
  const auto none = [&](const char* name, const Faults& faults) {
    checks.Add(name, faults.count == 0, "none", FaultsText(faults));
  };
  none("black_frames", pictures.black);
  none("frozen_frames", pictures.frozen);
  checks.Add("frame_order", pictures.misplaced.count == 0, "each frame shows its own picture",
             pictures.misplaced.count == 0 ? "all do"
                                           : "another one's: " + FaultsText(pictures.misplaced));
  checks.Add("alignment", pictures.moved_x == 0 && pictures.moved_y == 0, "in place",
             AlignmentText(pictures));
  checks.Add("psnr", pictures.psnr_db_mean >= psnr_db_min,
             DecimalText(psnr_db_min, 1) + " dB or more",
             DecimalText(pictures.psnr_db_mean, 2) + " dB; worst " +
                 DecimalText(pictures.psnr_db_worst, 2) + " dB, " + PlaceText(pictures.psnr_worst));
  checks.Add("ssim", pictures.ssim_mean >= ssim_min, DecimalText(ssim_min, 3) + " or more",
             DecimalText(pictures.ssim_mean, 4) + "; worst " + DecimalText(pictures.ssim_worst, 4) +
                 ", " + PlaceText(pictures.ssim_worst_at));
}

Result<VerifyReport> VerifyVideo(const std::string& input, const std::string& output,
                                 const VerifyOptions& options, const CancelToken& cancel) {
  OCTO_RETURN_IF_ERROR(CheckIgnored(options.ignored));
  CompareOptions compare;
  compare.decoder_threads = options.decoder_threads;
  OCTO_ASSIGN_OR_RETURN(const VideoComparison facts, CompareVideos(input, output, compare, cancel));
  VerifyReport report;
  Checks checks(&report.checks);
  report.checks.push_back(CheckReadable(facts));
  if (!report.ok()) return report;
  checks.Add("decoding", facts.output_damage.empty(), "no errors",
             facts.output_damage.empty() ? "no errors" : facts.output_damage);
  CheckDimensions(facts, options.scale, checks);
  CheckTimes(facts, checks);
  CheckFormat(facts, options, checks);
  CheckColours(facts, checks);
  CheckStreams(facts, checks);
  CheckPictures(facts, options.psnr_db_min, options.ssim_min, &report.checks);
  std::erase_if(report.checks, [&](const VerifyCheck& check) {
    return std::ranges::count(options.ignored, check.name) > 0;
  });
  return report;
}

}  // namespace octoscale
