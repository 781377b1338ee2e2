#include "video/encoder_options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <optional>
#include <string_view>

extern "C" {
#include <libavutil/mastering_display_metadata.h>
#include <libavutil/opt.h>
}

#include "base/cpu.h"
#include "video/crf.h"
#include "video/hardware_frames.h"

namespace octoscale {
namespace {

// Quantizers of mpegvideo.
constexpr double kQscaleMin = 1;
constexpr double kQscaleMax = 31;
constexpr double kQscaleDefault = 2;

bool HasPrivate(const AVCodecContext& codec, const std::string& key) {
  return codec.priv_data != nullptr &&
         av_opt_find(codec.priv_data, key.c_str(), nullptr, 0, 0) != nullptr;
}

// Options of every encoder that -e may set: rate control and search, nothing that describes the
// pictures. docs/media.md lists them.
constexpr std::string_view kCommonOptions[] = {
    "b",     "maxrate",   "minrate",   "bufsize",   "qmin",          "qmax", "qdiff",      "qcomp",
    "qblur", "i_qfactor", "i_qoffset", "b_qfactor", "b_qoffset",     "g",    "keyint_min", "bf",
    "refs",  "trellis",   "subq",      "me_range",  "dia_size",      "cmp",  "subcmp",     "mbcmp",
    "mbd",   "slices",    "profile",   "level",     "global_quality"};

bool IsCommon(std::string_view key) {
  return std::find(std::begin(kCommonOptions), std::end(kCommonOptions), key) !=
         std::end(kCommonOptions);
}

// `target`: the context or its private part.
Status SetOption(AVCodecContext* codec, void* target, const std::string& key,
                 const std::string& value) {
  TakeAvLogLine();
  const int error = av_opt_set(target, key.c_str(), value.c_str(), 0);
  if (error >= 0) return OkStatus();
  const std::string line = TakeAvLogLine();
  return InvalidArgument("encoder '" + std::string(codec->codec->name) + "' refuses " + key + "=" +
                         value + (line.empty() ? "" : " (" + line + ")"));
}

Status SetPrivate(AVCodecContext* codec, const std::string& key, const std::string& value) {
  return SetOption(codec, codec->priv_data, key, value);
}

std::string NumberText(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%g", value);
  return text;
}

Status SetQscale(AVCodecContext* codec, double quality) {
  if (!(quality >= kQscaleMin && quality <= kQscaleMax)) {
    return InvalidArgument("encoder '" + std::string(codec->codec->name) +
                           "' takes a quality (crf) from 1 to 31, not " + NumberText(quality));
  }
  codec->flags |= AV_CODEC_FLAG_QSCALE;
  codec->global_quality = static_cast<int>(std::lround(quality * FF_QP2LAMBDA));
  codec->qmin = std::min(codec->qmin, static_cast<int>(quality));
  return OkStatus();
}

// Constant quality in each encoder's words.
Status SetQuality(AVCodecContext* codec, double quality) {
  const std::string name = codec->codec->name;
  if (IsMpegVideo(*codec)) return SetQscale(codec, quality);
  if (name.ends_with("_qsv") || name.ends_with("_vaapi")) {
    codec->global_quality = static_cast<int>(std::lround(quality));
    return OkStatus();
  }
  if (name.ends_with("_nvenc")) {
    OCTO_RETURN_IF_ERROR(SetPrivate(codec, "rc", "vbr"));
    return SetPrivate(codec, "cq", NumberText(quality));
  }
  if (!HasPrivate(*codec, "crf")) {
    return InvalidArgument("encoder '" + name + "' has no constant quality (crf); set a bit rate");
  }
  return SetPrivate(codec, "crf", NumberText(quality));
}

// Whether the user's own options already decide the quality: those that the encoder has.
bool DecidesQuality(const AVCodecContext& codec, const EncoderOptions& options) {
  for (const auto& [key, value] : options.extra) {
    for (const char* word : {"crf", "qp", "cq", "lossless"}) {
      if (key == word && HasPrivate(codec, key)) return true;
    }
    if (key == "b") return true;
    if (key == "global_quality" && NeedsHardware(*codec.codec)) return true;
    if (key == "qscale" && IsMpegVideo(codec)) return true;
  }
  return options.bit_rate > 0;
}

Status SetExtra(AVCodecContext* codec, const std::string& key, const std::string& value,
                Leftovers* leftovers) {
  if (HasPrivate(*codec, key)) return SetPrivate(codec, key, value);
  if (IsCommon(key)) return SetOption(codec, codec, key, value);
  if (key == kDeviceKey && TakesSurfacesOnly(*codec->codec)) return OkStatus();
  if (key != "qscale" || !IsMpegVideo(*codec)) {
    leftovers->emplace_back(key, value);
    return OkStatus();
  }
  double quality = 0;
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, quality);
  return SetQscale(codec, error == std::errc() && stop == end ? quality : std::nan(""));
}

// The first picture's side data or the stream's, which have the same form.
template <typename T>
const T* SideData(const VideoReader::Impl& source, AVFrameSideDataType of_frame,
                  AVPacketSideDataType of_stream) {
  const AVFrameSideData* side = av_frame_get_side_data(source.first.get(), of_frame);
  if (side != nullptr && side->size >= sizeof(T)) return reinterpret_cast<const T*>(side->data);
  size_t size = 0;
  const uint8_t* data = av_stream_get_side_data(&source.stream(), of_stream, &size);
  return data != nullptr && size >= sizeof(T) ? reinterpret_cast<const T*>(data) : nullptr;
}

// How an encoder library is told static HDR metadata, which it then writes into the stream.
struct HdrWords {
  const char* display;
  const char* light;
  double colour_unit;     // of chromaticities
  double luminance_unit;  // of cd/m2
  int decimals;
};
// The units of ITU-T H.265, D.3.28.
constexpr HdrWords kX265Words = {"master-display", "max-cll", 0.00002, 0.0001, 0};
constexpr HdrWords kSvtAv1Words = {"mastering-display", "content-light", 1, 1, 6};

std::string PairText(const char* name, const AVRational (&pair)[2], double unit, int decimals) {
  char text[80];
  std::snprintf(text, sizeof(text), "%s(%.*f,%.*f)", name, decimals, av_q2d(pair[0]) / unit,
                decimals, av_q2d(pair[1]) / unit);
  return text;
}

// "key=value:key=value", or nothing.
std::string HdrParameters(const VideoReader::Impl& source, const HdrWords& words) {
  std::string parameters;
  const auto* display = SideData<AVMasteringDisplayMetadata>(
      source, AV_FRAME_DATA_MASTERING_DISPLAY_METADATA, AV_PKT_DATA_MASTERING_DISPLAY_METADATA);
  if (display != nullptr && display->has_primaries && display->has_luminance) {
    const auto colour = [&words](const char* name, const AVRational(&pair)[2]) {
      return PairText(name, pair, words.colour_unit, words.decimals);
    };
    const AVRational luminance[2] = {display->max_luminance, display->min_luminance};
    parameters += std::string(":") + words.display + "=" +
                  colour("G", display->display_primaries[1]) +
                  colour("B", display->display_primaries[2]) +
                  colour("R", display->display_primaries[0]) + colour("WP", display->white_point) +
                  PairText("L", luminance, words.luminance_unit, words.decimals);
  }
  const auto* light = SideData<AVContentLightMetadata>(source, AV_FRAME_DATA_CONTENT_LIGHT_LEVEL,
                                                       AV_PKT_DATA_CONTENT_LIGHT_LEVEL);
  if (light != nullptr) {
    parameters += std::string(":") + words.light + "=" + std::to_string(light->MaxCLL) + "," +
                  std::to_string(light->MaxFALL);
  }
  if (!parameters.empty()) parameters.erase(0, 1);
  return parameters;
}

// How full x265 takes its buffer to be at the beginning: so much more than the cap is possible.
constexpr const char* kX265BufferStart = "0.9";

// The parameter list of the library: silence (they print to stderr on their own), threads, static
// HDR metadata and EncoderOptions::rate_cap.
std::string LibraryParameters(const VideoReader::Impl& source, const std::string& codec,
                              const EncoderOptions& options, const std::string& given) {
  std::vector<std::string> list;
  const std::string kilobits = std::to_string(std::max<int64_t>(1, options.rate_cap / 1000));
  if (codec == "libx265") {
    list.push_back("log-level=none");
    const std::string hdr = HdrParameters(source, kX265Words);
    if (!hdr.empty()) list.push_back(hdr);
    if (options.threads > 0) list.push_back("pools=" + std::to_string(options.threads));
    if (options.rate_cap > 0) {
      const auto buffer = static_cast<int64_t>(static_cast<double>(options.rate_cap) / 1000 *
                                               options.rate_cap_seconds);
      list.push_back("vbv-maxrate=" + kilobits);
      list.push_back("vbv-bufsize=" + std::to_string(std::max<int64_t>(1, buffer)));
      list.push_back(std::string("vbv-init=") + kX265BufferStart);
      // The same bytes in every run, whatever the threads.
      list.push_back("const-vbv=1");
    }
  }
  if (codec == "libsvtav1") {
    const std::string hdr = HdrParameters(source, kSvtAv1Words);
    if (!hdr.empty()) list.push_back(hdr);
    if (options.threads > 0) list.push_back("lp=" + std::to_string(options.threads));
    if (options.rate_cap > 0) list.push_back("mbr=" + kilobits);
  }
  if (!given.empty()) list.push_back(given);
  std::string parameters;
  for (const std::string& item : list) parameters += (parameters.empty() ? "" : ":") + item;
  return parameters;
}

}  // namespace

bool NeedsHardware(const AVCodec& codec) {
  return (codec.capabilities & (AV_CODEC_CAP_HARDWARE | AV_CODEC_CAP_HYBRID)) != 0;
}

bool IsMpegVideo(const AVCodecContext& codec) { return HasPrivate(codec, "mpv_flags"); }

Status ApplyEncoderOptions(const VideoReader::Impl& source, const EncoderOptions& options,
                           const PictureFormat& format, AVCodecContext* codec,
                           Leftovers* leftovers) {
  const std::string name = codec->codec->name;
  codec->thread_count = options.threads > 0 ? options.threads : AvailableCores();
  // These take a rate of 0 as "quality alone"; what some have by themselves would be a limit.
  if (NeedsHardware(*codec->codec) || name.starts_with("libvpx") || name == "libaom-av1") {
    codec->bit_rate = 0;
  }
  std::optional<double> crf = options.crf;
  if (!crf && !DecidesQuality(*codec, options)) {
    crf = IsMpegVideo(*codec) ? kQscaleDefault : DefaultCrf(codec->codec->name);
  }
  if (crf) OCTO_RETURN_IF_ERROR(SetQuality(codec, *crf));
  if (options.bit_rate > 0) codec->bit_rate = options.bit_rate;
  codec->rc_max_rate = options.rc_max_rate;
  codec->rc_min_rate = options.rc_min_rate;
  codec->rc_buffer_size = static_cast<int>(options.rc_buffer_size);
  if (options.qmin >= 0) codec->qmin = options.qmin;
  if (options.qmax >= 0) codec->qmax = options.qmax;
  if (options.gop_size >= 0) codec->gop_size = options.gop_size;
  if (options.keyint_min >= 0) codec->keyint_min = options.keyint_min;
  if (options.max_b_frames >= 0) codec->max_b_frames = options.max_b_frames;
  if (options.refs >= 0) codec->refs = options.refs;
  if (options.delay > 0) codec->delay = options.delay;
  if (!options.preset.empty()) {
    if (!HasPrivate(*codec, "preset")) {
      return InvalidArgument("encoder '" + name + "' has no presets");
    }
    OCTO_RETURN_IF_ERROR(SetPrivate(codec, "preset", options.preset));
  }
  // A second encoder makes the transparency; their hidden frames would not match.
  const bool alpha_beside = name.starts_with("libvpx") && format.has_alpha;
  if (alpha_beside) OCTO_RETURN_IF_ERROR(SetPrivate(codec, "auto-alt-ref", "0"));
  if (name == "libvpx-vp9") OCTO_RETURN_IF_ERROR(SetPrivate(codec, "row-mt", "1"));
  const std::string parameters_key = name == "libx265" ? "x265-params" : "svtav1-params";
  std::string parameters;
  for (const auto& [key, value] : options.extra) {
    if (key == parameters_key) {
      parameters = value;
    } else {
      OCTO_RETURN_IF_ERROR(SetExtra(codec, key, value, leftovers));
    }
  }
  if (options.rate_cap > 0 && name != "libx265" && name != "libsvtav1") {
    return Unsupported("encoder '" + name + "' can't cap the rate of constant quality");
  }
  parameters = LibraryParameters(source, name, options, parameters);
  if (!parameters.empty()) OCTO_RETURN_IF_ERROR(SetPrivate(codec, parameters_key, parameters));
  return OkStatus();
}

}  // namespace octoscale
