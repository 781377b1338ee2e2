#include "video/encoder.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <optional>
#include <string_view>

extern "C" {
#include <libavutil/mastering_display_metadata.h>
#include <libavutil/opt.h>
}

#include "base/cpu.h"
#include "video/colour_internal.h"
#include "video/picture_impl.h"
#include "video/pixel_choice.h"
#include "video/planes.h"

namespace octoscale {
namespace {

// Constant quality where neither quality nor bit rate was asked for: near-transparent for upscaled
// material, whose fine detail is synthetic and cheap to keep.
std::optional<double> DefaultCrf(const std::string& codec) {
  if (codec == "libx264" || codec == "libx265") return 18;
  if (codec == "libsvtav1" || codec == "libaom-av1") return 24;
  if (codec == "libvpx-vp9") return 24;
  if (codec == "libvpx") return 10;
  if (codec.ends_with("_nvenc") || codec.ends_with("_qsv")) return 20;
  return std::nullopt;
}

bool NeedsHardware(const AVCodec& codec) {
  return (codec.capabilities & (AV_CODEC_CAP_HARDWARE | AV_CODEC_CAP_HYBRID)) != 0;
}

bool TakesSurfacesOnly(const AVCodec& codec) {
  if (codec.pix_fmts == nullptr) return false;
  for (const AVPixelFormat* format = codec.pix_fmts; *format != AV_PIX_FMT_NONE; ++format) {
    const AVPixFmtDescriptor* descriptor = av_pix_fmt_desc_get(*format);
    if (descriptor == nullptr || (descriptor->flags & AV_PIX_FMT_FLAG_HWACCEL) == 0) return false;
  }
  return true;
}

std::string Alternatives(const std::string& codec, const Container& container) {
  return "; for ." + container.extension +
         " there are: " + JoinNames(EncodersInsteadOf(codec, container.extension));
}

bool HasPrivate(const AVCodecContext& codec, const std::string& key) {
  return codec.priv_data != nullptr &&
         av_opt_find(codec.priv_data, key.c_str(), nullptr, 0, 0) != nullptr;
}

Status SetPrivate(AVCodecContext* codec, const std::string& key, const std::string& value) {
  TakeAvLogLine();
  const int error = av_opt_set(codec->priv_data, key.c_str(), value.c_str(), 0);
  if (error >= 0) return OkStatus();
  const std::string line = TakeAvLogLine();
  return InvalidArgument("encoder '" + std::string(codec->codec->name) + "' refuses " + key + "=" +
                         value + (line.empty() ? "" : " (" + line + ")"));
}

std::string NumberText(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%g", value);
  return text;
}

// Constant quality in the words of NVENC and Quick Sync.
Status SetQuality(AVCodecContext* codec, double quality) {
  const std::string name = codec->codec->name;
  if (name.ends_with("_qsv")) {
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

// Whether the user's own options already decide the quality.
bool DecidesQuality(const EncoderOptions& options) {
  for (const auto& [key, value] : options.extra) {
    for (const char* word : {"crf", "qp", "cq", "lossless", "qscale", "b"}) {
      if (key == word) return true;
    }
  }
  return options.bit_rate > 0;
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

// x265 (3.5) gives a video that is no longer than its reordering decoding times from memory that
// nobody wrote. So few pictures are never reordered.
constexpr int64_t kX265UntimedFrames = 2;

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

Status Encoder::ChooseFormat(const VideoReader::Impl& source, FrameSize size, const AVCodec& codec,
                             const EncoderOptions& options, const Container& container,
                             std::vector<std::string>* warnings) {
  const VideoStreamInfo& video = source.info.video;
  PixelRequest request;
  request.name = options.pixel_format;
  request.source = static_cast<AVPixelFormat>(source.first->format);
  request.size = size;
  request.hdr = video.colour.hdr();
  // VP8 and VP9 keep transparency beside the picture, where only Matroska has a place for it.
  const bool place = !container.is_mov_family() || !options.codec.starts_with("libvpx");
  request.keep_alpha = video.has_alpha && !source.options.drop_alpha && place;
  OCTO_ASSIGN_OR_RETURN(const AVPixelFormat chosen, ChoosePixelFormat(codec, request, warnings));
  OCTO_ASSIGN_OR_RETURN(const PixelLayout from, LayoutOf(request.source));
  OCTO_ASSIGN_OR_RETURN(const PixelLayout to, LayoutOf(chosen));

  ColourTags tags = SourceColour(video.colour, from, video.size.height);
  // An RGB source has no matrix to keep: YUV made from it follows the rule for its own size.
  if (from.rgb && !to.rgb) {
    tags.matrix = ResolveColour({}, size.height, false).matrix;
    tags.range = ColourRange::kLimited;
    tags.chroma_location = 0;
  }
  if (to.rgb) {
    tags.matrix = AVCOL_SPC_RGB;
    tags.range = ColourRange::kFull;
  }
  if (options.limited_range && !to.rgb) tags.range = ColourRange::kLimited;
  if (to.full_range_by_name) tags.range = ColourRange::kFull;
  format_.pixel_format = av_get_pix_fmt_name(chosen);
  format_.size = size;
  format_.has_alpha = to.alpha_component >= 0 && place;
  format_.colour = tags;
  const bool fields_lie = !TurnInto(container, video).swaps_sides();
  format_.interlaced = source.first->interlaced_frame != 0 && fields_lie;
  format_.top_field_first = source.first->top_field_first != 0;
  return OkStatus();
}

void Encoder::ApplySource(const VideoReader::Impl& source, const Container& container) {
  const VideoStreamInfo& video = source.info.video;
  AVCodecContext* codec = codec_.get();
  codec->width = format_.size.width;
  codec->height = format_.size.height;
  codec->pix_fmt = av_get_pix_fmt(format_.pixel_format.c_str());
  codec->time_base = ToAv(video.time_base);
  // A hint for rate control and headers; picture times come from the pictures alone.
  codec->framerate = video.frame_rate.num > 0 ? ToAv(video.frame_rate) : source.average_rate;
  if (codec->framerate.num <= 0 || codec->framerate.den <= 0) codec->framerate = {25, 1};
  codec->sample_aspect_ratio = ToAv(TurnedAspect(container, video));
  codec->colorspace = static_cast<AVColorSpace>(format_.colour.matrix);
  codec->color_primaries = static_cast<AVColorPrimaries>(format_.colour.primaries);
  codec->color_trc = static_cast<AVColorTransferCharacteristic>(format_.colour.transfer);
  codec->color_range =
      format_.colour.range == ColourRange::kFull ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
  codec->chroma_sample_location = static_cast<AVChromaLocation>(format_.colour.chroma_location);
  if (format_.interlaced) {
    codec->field_order = format_.top_field_first ? AV_FIELD_TT : AV_FIELD_BB;
    codec->flags |= AV_CODEC_FLAG_INTERLACED_DCT | AV_CODEC_FLAG_INTERLACED_ME;
  }
}

Status Encoder::ApplyOptions(const VideoReader::Impl& source, const EncoderOptions& options,
                             std::vector<std::pair<std::string, std::string>>* leftovers) {
  AVCodecContext* codec = codec_.get();
  const std::string name = codec->codec->name;
  codec->thread_count = options.threads > 0 ? options.threads : AvailableCores();
  // libvpx takes a rate of 0 as "quality alone"; its own default is 200 kbit/s.
  codec->bit_rate = options.bit_rate;
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

  std::optional<double> crf = options.crf;
  if (!crf && !DecidesQuality(options)) crf = DefaultCrf(name);
  if (crf) OCTO_RETURN_IF_ERROR(SetQuality(codec, *crf));
  if (!options.preset.empty()) {
    if (!HasPrivate(*codec, "preset")) {
      return InvalidArgument("encoder '" + name + "' has no presets");
    }
    OCTO_RETURN_IF_ERROR(SetPrivate(codec, "preset", options.preset));
  }
  // A second encoder makes the transparency; their hidden frames would not match.
  const bool alpha_beside = name.starts_with("libvpx") && format_.has_alpha;
  if (alpha_beside) OCTO_RETURN_IF_ERROR(SetPrivate(codec, "auto-alt-ref", "0"));
  if (name == "libvpx-vp9") OCTO_RETURN_IF_ERROR(SetPrivate(codec, "row-mt", "1"));
  const std::string parameters_key = name == "libx265" ? "x265-params" : "svtav1-params";
  std::string parameters;
  for (const auto& [key, value] : options.extra) {
    if (key == parameters_key) {
      parameters = value;
    } else if (!HasPrivate(*codec, key)) {
      leftovers->emplace_back(key, value);
    } else {
      OCTO_RETURN_IF_ERROR(SetPrivate(codec, key, value));
    }
  }
  if (options.rate_cap > 0 && name != "libx265" && name != "libsvtav1") {
    return Unsupported("encoder '" + name + "' can't cap the rate of constant quality");
  }
  parameters = LibraryParameters(source, name, options, parameters);
  if (!parameters.empty()) OCTO_RETURN_IF_ERROR(SetPrivate(codec, parameters_key, parameters));
  return OkStatus();
}

Result<std::unique_ptr<Encoder>> Encoder::Open(
    const VideoReader::Impl& source, FrameSize size, const EncoderOptions& options,
    const Container& container, std::vector<std::pair<std::string, std::string>>* leftovers,
    std::vector<std::string>* warnings) {
  OCTO_ASSIGN_OR_RETURN(const AVCodec* codec, FindVideoEncoder(options.codec, container));
  if (TakesSurfacesOnly(*codec)) {
    return InvalidArgument(
        "encoder '" + options.codec +
        "' takes pictures in a graphics card's memory only, which octoscale does "
        "not make" +
        Alternatives(options.codec, container));
  }
  std::unique_ptr<Encoder> encoder(new Encoder());
  encoder->codec_.reset(avcodec_alloc_context3(codec));
  if (!encoder->codec_) throw std::bad_alloc();
  OCTO_RETURN_IF_ERROR(encoder->ChooseFormat(source, size, *codec, options, container, warnings));
  encoder->ApplySource(source, container);
  if (options.square_pixels) encoder->codec_->sample_aspect_ratio = {1, 1};
  OCTO_RETURN_IF_ERROR(encoder->ApplyOptions(source, options, leftovers));
  if (container.format->flags & AVFMT_GLOBALHEADER) {
    encoder->codec_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  }
  if (options.codec == "libsvtav1") setenv("SVT_LOG", "1", 0);  // errors only
  TakeAvLogLine();
  const int error = avcodec_open2(encoder->codec_.get(), codec, nullptr);
  if (error < 0 && NeedsHardware(*codec)) {
    const Status cause = AvStatus(error, "encoder '" + options.codec +
                                             "' needs hardware that is not here, or it refuses the "
                                             "options");
    return InvalidArgument(cause.message() + Alternatives(options.codec, container));
  }
  if (error < 0) {
    const Status cause =
        AvStatus(error, "encoder '" + options.codec + "' refuses " + std::to_string(size.width) +
                            "x" + std::to_string(size.height) + " " +
                            encoder->format_.pixel_format + " with these options");
    // Most encoders report a refused option as an "external" or I/O error.
    return cause.code() == StatusCode::kResourceExhausted ? cause
                                                          : InvalidArgument(cause.message());
  }
  return encoder;
}

// SVT-AV1 (1.4) waits forever when it is closed before its first picture, and prints a complaint
// when it is closed before its end.
Encoder::~Encoder() {
  if (!codec_ || !avcodec_is_open(codec_.get()) || ended_) return;
  if (std::string_view(codec_->codec->name) != "libsvtav1") return;
  if (sent_ == 0) {
    const AvFramePtr blank = NewAvFrame();
    blank->format = codec_->pix_fmt;
    blank->width = codec_->width;
    blank->height = codec_->height;
    blank->pts = 0;
    if (av_frame_get_buffer(blank.get(), 0) < 0) return;
    avcodec_send_frame(codec_.get(), blank.get());
  }
  avcodec_send_frame(codec_.get(), nullptr);
}

Status Encoder::Send(Picture picture) {
  if (picture.empty()) {
    ended_ = true;
    const int error = avcodec_send_frame(codec_.get(), nullptr);
    if (error < 0 && error != AVERROR_EOF) return AvStatus(error, "draining the encoder");
    return OkStatus();
  }
  AVFrame* frame = picture.impl().frame.get();
  const FrameTime time = picture.time();
  frame->pts = time.pts;
  frame->pkt_duration = time.duration;
  frame->pict_type = AV_PICTURE_TYPE_NONE;
  frame->sample_aspect_ratio = codec_->sample_aspect_ratio;
  durations_[time.pts] = time.duration;
  ++sent_;
  const int error = avcodec_send_frame(codec_.get(), frame);
  if (error < 0) return AvStatus(error, "encoder '" + std::string(codec_->codec->name) + "'");
  return OkStatus();
}

Result<AvPacketPtr> Encoder::Receive() {
  AvPacketPtr packet = NewAvPacket();
  const int error = avcodec_receive_packet(codec_.get(), packet.get());
  if (error == AVERROR(EAGAIN) || error == AVERROR_EOF) return AvPacketPtr();
  if (error < 0) return AvStatus(error, "encoder '" + std::string(codec_->codec->name) + "'");
  if (sent_ <= kX265UntimedFrames && ended_ && std::string_view(codec_->codec->name) == "libx265") {
    packet->dts = packet->pts;
  }
  const auto found = durations_.find(packet->pts);
  if (found != durations_.end()) {
    packet->duration = found->second;
    durations_.erase(found);
  }
  return packet;
}

}  // namespace octoscale
