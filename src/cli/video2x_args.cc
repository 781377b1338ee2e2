#include "cli/video2x_args.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <string_view>
#include <utility>

#include "cli/video2x_options.h"
#include "cli/video_flags.h"
#include "models/manifest.h"

namespace octoscale {
namespace {

constexpr int kIntMax = std::numeric_limits<int>::max();
constexpr int64_t kInt64Max = std::numeric_limits<int64_t>::max();

// Typed access to the words of the command line.
class Values {
 public:
  explicit Values(const Video2xValues& values) : values_(values) {}

  bool Has(std::string_view name) const { return values_.find(name) != values_.end(); }
  std::string Text(std::string_view name, const std::string& fallback) const {
    const auto found = values_.find(name);
    return found == values_.end() ? fallback : found->second.front();
  }
  const std::vector<std::string>& All(std::string_view name) const {
    static const std::vector<std::string> none;
    const auto found = values_.find(name);
    return found == values_.end() ? none : found->second;
  }
  // Leaves `out` as it is when the option was not given.
  template <typename Integer>
  Status Number(std::string_view name, Integer least, Integer most, Integer* out) const {
    if (!Has(name)) return OkStatus();
    const std::string text = Text(name, "");
    Integer value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc() && stop == end && value >= least && value <= most) {
      *out = value;
      return OkStatus();
    }
    std::string range = std::to_string(least) + " or more";
    if (most != std::numeric_limits<Integer>::max()) {
      range = std::to_string(least) + " to " + std::to_string(most);
    }
    return InvalidArgument("option --" + std::string(name) + " is a whole number, " + range +
                           ", not '" + text + "'");
  }

 private:
  const Video2xValues& values_;
};

Result<Video2xLevel> ParseLevel(const std::string& name) {
  constexpr std::pair<std::string_view, Video2xLevel> kLevels[] = {
      {"trace", Video2xLevel::kTrace},       {"debug", Video2xLevel::kDebug},
      {"info", Video2xLevel::kInfo},         {"warn", Video2xLevel::kWarning},
      {"warning", Video2xLevel::kWarning},   {"error", Video2xLevel::kError},
      {"critical", Video2xLevel::kCritical}, {"none", Video2xLevel::kNone},
      {"off", Video2xLevel::kNone}};
  for (const auto& [word, level] : kLevels) {
    if (name == word) return level;
  }
  return InvalidArgument("--log-level is trace, debug, info, warn, error, critical or none, not '" +
                         name + "'");
}

Status ResolveProcessor(const Values& values) {
  if (!values.Has("processor")) {
    return InvalidArgument("a processor is required: -p realesrgan");
  }
  const std::string name = values.Text("processor", "");
  if (name == "realesrgan") return OkStatus();
  for (const std::string_view other : {"libplacebo", "realcugan", "rife"}) {
    if (name != other) continue;
    return InvalidArgument("processor '" + name +
                           "' is not available in octoscale's video2x; only realesrgan is");
  }
  return InvalidArgument("there is no processor '" + name + "'; use -p realesrgan");
}

struct ModelName {
  std::string_view video2x;
  std::string_view octoscale;
};

constexpr std::array kModels = {ModelName{"realesr-animevideov3", "realesr-animevideov3"},
                                ModelName{"realesrgan-plus", "realesrgan-x4plus"},
                                ModelName{"realesrgan-plus-anime", "realesrgan-x4plus-anime"},
                                ModelName{"realesr-generalv3", "realesr-general-x4v3"}};
constexpr std::string_view kGeneralModel = "realesr-generalv3";
constexpr std::string_view kDenoisingWeights = "realesr-general-wdn-x4v3";

Status ResolveModel(const Values& values, Video2xArgs* args) {
  if (!values.Has("scaling-factor")) {
    return InvalidArgument("a scaling factor is required: -s 2, 3 or 4");
  }
  OCTO_RETURN_IF_ERROR(values.Number("scaling-factor", 2, 4, &args->engine.scale));
  const std::string name = values.Text("realesrgan-model", std::string(kModels[0].video2x));
  const auto model = std::ranges::find(kModels, name, &ModelName::video2x);
  if (model == kModels.end()) {
    std::string names;
    for (const ModelName& known : kModels) {
      names += (names.empty() ? "" : ", ") + std::string(known.video2x);
    }
    return InvalidArgument("there is no Real-ESRGAN model '" + name + "'; there are " + names);
  }
  args->engine.model = model->octoscale;
  int noise_level = 0;
  OCTO_RETURN_IF_ERROR(values.Number("noise-level", -1, 1, &noise_level));
  if (noise_level == 1 && name == kGeneralModel) {
    if (!FindManifestEntry(kDenoisingWeights).ok()) {
      return InvalidArgument("noise level 1 needs the weights " + std::string(kDenoisingWeights) +
                             ", which octoscale doesn't have; use -n 0");
    }
    args->engine.model = kDenoisingWeights;
  } else if (noise_level == 1) {
    args->warnings.push_back("the noise level has no effect on model " + name);
  }
  // Networks that only know 4 are run at 4 and resized.
  args->engine.resample = true;
  OCTO_ASSIGN_OR_RETURN(const ModelEntry* entry, FindManifestEntry(args->engine.model));
  if (!GraphOfScale(*entry, args->engine.scale).ok()) {
    args->warnings.push_back("model " + name + " has no scale " +
                             std::to_string(args->engine.scale) + ", only " + ScaleList(*entry) +
                             "; its output is resized");
  }
  return OkStatus();
}

Status ResolveDevice(const Values& values, Video2xArgs* args) {
  int device = 0;
  OCTO_RETURN_IF_ERROR(values.Number("device", 0, kIntMax, &device));
  if (device != 0) {
    return InvalidArgument("there is no device " + std::to_string(device) +
                           "; device 0, the CPU, is the only one");
  }
  constexpr std::string_view kKnown[] = {"vdpau",  "cuda",       "vaapi",  "dxva2",
                                         "qsv",    "d3d11va",    "drm",    "videotoolbox",
                                         "opencl", "mediacodec", "vulkan", "d3d12va"};
  const std::string hwaccel = values.Text("hwaccel", "none");
  if (hwaccel == "none") return OkStatus();
  if (std::ranges::find(kKnown, hwaccel) == std::end(kKnown)) {
    return InvalidArgument("there is no hardware acceleration '" + hwaccel + "'; use -a none");
  }
  args->warnings.push_back("hardware acceleration '" + hwaccel +
                           "' is not used; decoding runs on the CPU");
  return OkStatus();
}

// Where quality is nowhere decided, the encoder's own default rules, as in the original program.
void KeepEncoderQuality(EncoderOptions* encoder) {
  if (encoder->bit_rate > 0) return;
  for (const auto& [key, value] : encoder->extra) {
    for (const char* word : {"crf", "qp", "b", "x264-params", "x264opts", "x265-params"}) {
      if (key == word) return;
    }
  }
  if (encoder->codec == "libx264") encoder->crf = 23;
  if (encoder->codec == "libx265") encoder->crf = 28;
}

Status ResolveEncoder(const Values& values, Video2xArgs* args) {
  EncoderOptions& encoder = args->writer.encoder;
  encoder.codec = values.Text("codec", "libx264");
  encoder.pixel_format = values.Text("pix-fmt", "auto");
  if (encoder.pixel_format.empty()) encoder.pixel_format = "auto";
  OCTO_RETURN_IF_ERROR(values.Number("bit-rate", int64_t{0}, kInt64Max, &encoder.bit_rate));
  const std::pair<const char*, int64_t*> rates[] = {{"rc-buffer-size", &encoder.rc_buffer_size},
                                                    {"rc-min-rate", &encoder.rc_min_rate},
                                                    {"rc-max-rate", &encoder.rc_max_rate}};
  for (const auto& [name, value] : rates) {
    OCTO_RETURN_IF_ERROR(values.Number(name, int64_t{0}, int64_t{kIntMax}, value));
  }
  const std::pair<const char*, int*> unset[] = {{"qmin", &encoder.qmin},
                                                {"qmax", &encoder.qmax},
                                                {"gop-size", &encoder.gop_size},
                                                {"max-b-frames", &encoder.max_b_frames},
                                                {"keyint-min", &encoder.keyint_min},
                                                {"refs", &encoder.refs}};
  for (const auto& [name, value] : unset) {
    OCTO_RETURN_IF_ERROR(values.Number(name, -1, kIntMax, value));
  }
  constexpr int kThreadsMax = 1024;
  OCTO_RETURN_IF_ERROR(values.Number("thread-count", 0, kThreadsMax, &encoder.threads));
  OCTO_RETURN_IF_ERROR(values.Number("delay", 0, kIntMax, &encoder.delay));
  OCTO_ASSIGN_OR_RETURN(encoder.extra, ParseEncoderPairs(values.All("extra-encoder-option")));
  KeepEncoderQuality(&encoder);
  return OkStatus();
}

// Options that realesrgan ignores still have to be numbers where the original wants numbers.
Status CheckIgnored(const Values& values) {
  int ignored = 0;
  OCTO_RETURN_IF_ERROR(values.Number("width", 1, kIntMax, &ignored));
  OCTO_RETURN_IF_ERROR(values.Number("height", 1, kIntMax, &ignored));
  return values.Number("frame-rate-mul", 2, kIntMax, &ignored);
}

Status ResolveDropTail(const char* text, Video2xArgs* args) {
  if (text == nullptr || *text == '\0') return OkStatus();
  const Video2xValues values = {{"drop", {text}}};
  constexpr int kFramesMax = 1000;
  if (Values(values).Number("drop", 0, kFramesMax, &args->drop_tail).ok()) return OkStatus();
  return InvalidArgument("OCTOSCALE_VIDEO2X_DROP_TAIL is a number of frames, 0 to " +
                         std::to_string(kFramesMax) + ", not '" + text + "'");
}

Status ResolveRun(const Values& values, const char* drop_tail, Video2xArgs* args) {
  args->progress = !values.Has("no-progress");
  args->benchmark = values.Has("benchmark");
  if (!values.Has("input")) return InvalidArgument("an input is required: -i FILE");
  if (!values.Has("output") && !args->benchmark) {
    return InvalidArgument("an output is required: -o FILE");
  }
  args->input = values.Text("input", "");
  args->output = values.Text("output", "");
  OCTO_RETURN_IF_ERROR(ResolveProcessor(values));
  OCTO_RETURN_IF_ERROR(ResolveDevice(values, args));
  OCTO_RETURN_IF_ERROR(ResolveModel(values, args));
  OCTO_RETURN_IF_ERROR(ResolveEncoder(values, args));
  OCTO_RETURN_IF_ERROR(CheckIgnored(values));
  OCTO_RETURN_IF_ERROR(ResolveDropTail(drop_tail, args));
  WriterOptions& writer = args->writer;
  writer.overwrite = true;
  const bool none = values.Has("no-copy-streams");
  writer.copy_audio = !none && !values.Has("no-copy-audio-streams");
  writer.copy_subtitles = !none && !values.Has("no-copy-subtitle-streams");
  writer.copy_attachments = !none;
  return OkStatus();
}

}  // namespace

Result<Video2xArgs> ParseVideo2xArgs(std::span<const std::string> arguments,
                                     const char* drop_tail) {
  Video2xArgs args;
  OCTO_ASSIGN_OR_RETURN(const Video2xValues words, ParseVideo2xOptions(arguments));
  const Values values(words);
  OCTO_ASSIGN_OR_RETURN(args.log_level, ParseLevel(values.Text("log-level", "info")));
  if (arguments.empty() || values.Has("help")) {
    args.action = Video2xAction::kHelp;
  } else if (values.Has("version")) {
    args.action = Video2xAction::kVersion;
  } else if (values.Has("list-devices")) {
    args.action = Video2xAction::kListDevices;
  } else {
    OCTO_RETURN_IF_ERROR(ResolveRun(values, drop_tail, &args));
  }
  return args;
}

}  // namespace octoscale
