#include "video/encoder.h"

#include <cstdlib>
#include <new>
#include <string_view>

#include "video/colour_internal.h"
#include "video/encoder_options.h"
#include "video/picture_impl.h"
#include "video/pixel_choice.h"
#include "video/planes.h"

namespace octoscale {
namespace {

std::string Alternatives(const std::string& codec, const Container& container) {
  return "; for ." + container.extension +
         " there are: " + JoinNames(EncodersInsteadOf(codec, container.extension));
}

// x265 (3.5) gives a video that is no longer than its reordering decoding times from memory that
// nobody wrote. So few pictures are never reordered.
constexpr int64_t kX265UntimedFrames = 2;

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

void Encoder::NumberPictures() {
  constexpr int kMpeg4TicksMax = 65535;
  numbered_ = true;
  AVRational& rate = codec_->framerate;
  av_reduce(&rate.num, &rate.den, rate.num, rate.den, kMpeg4TicksMax);
  // ISO/IEC 13818-2, table 6-4. The container has the times.
  constexpr AVRational kMpeg2Rates[] = {{24000, 1001}, {24, 1}, {25, 1},
                                        {30000, 1001}, {30, 1}, {50, 1},
                                        {60000, 1001}, {60, 1}, {0, 0}};
  if (codec_->codec->supported_framerates != nullptr) {
    rate = kMpeg2Rates[av_find_nearest_q_idx(rate, kMpeg2Rates)];
  }
  codec_->time_base = av_inv_q(rate);
}

void Encoder::ApplySource(const VideoReader::Impl& source, const Container& container) {
  const VideoStreamInfo& video = source.info.video;
  AVCodecContext* codec = codec_.get();
  codec->width = format_.size.width;
  codec->height = format_.size.height;
  codec->pix_fmt = av_get_pix_fmt(format_.pixel_format.c_str());
  time_base_ = ToAv(video.time_base);
  codec->time_base = time_base_;
  // A hint for rate control and headers; picture times come from the pictures alone.
  codec->framerate = video.frame_rate.num > 0 ? ToAv(video.frame_rate) : source.average_rate;
  if (codec->framerate.num <= 0 || codec->framerate.den <= 0) codec->framerate = {25, 1};
  if (IsMpegVideo(*codec)) NumberPictures();
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

Result<std::unique_ptr<Encoder>> Encoder::Open(
    const VideoReader::Impl& source, FrameSize size, const EncoderOptions& options,
    const Container& container, std::vector<std::pair<std::string, std::string>>* leftovers,
    std::vector<std::string>* warnings) {
  OCTO_ASSIGN_OR_RETURN(const AVCodec* codec, FindVideoEncoder(options.codec, container));
  std::unique_ptr<Encoder> encoder(new Encoder());
  encoder->codec_.reset(avcodec_alloc_context3(codec));
  if (!encoder->codec_) throw std::bad_alloc();
  OCTO_RETURN_IF_ERROR(encoder->ChooseFormat(source, size, *codec, options, container, warnings));
  encoder->ApplySource(source, container);
  if (options.square_pixels) encoder->codec_->sample_aspect_ratio = {1, 1};
  OCTO_RETURN_IF_ERROR(
      ApplyEncoderOptions(source, options, encoder->format_, encoder->codec_.get(), leftovers));
  if (TakesSurfacesOnly(*codec)) {
    const Status attached = encoder->AttachDevice(options);
    if (!attached.ok()) {
      return Status(attached.code(), attached.message() + Alternatives(options.codec, container));
    }
  }
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

Status Encoder::AttachDevice(const EncoderOptions& options) {
  std::string device;
  for (const auto& [key, value] : options.extra) {
    if (key == kDeviceKey) device = value;
  }
  OCTO_ASSIGN_OR_RETURN(
      hardware_,
      HardwareFrames::Attach(device, av_get_pix_fmt(format_.pixel_format.c_str()), codec_.get()));
  return OkStatus();
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
  frame->pts = numbered_ ? sent_ : time.pts;
  if (sent_ == 0) first_pts_ = time.pts;
  if (numbered_) times_[sent_] = time.pts;
  frame->quality = codec_->global_quality;  // of encoders with constant quantizers
  frame->pkt_duration = time.duration;
  frame->pict_type = AV_PICTURE_TYPE_NONE;
  frame->sample_aspect_ratio = codec_->sample_aspect_ratio;
  durations_[time.pts] = time.duration;
  ++sent_;
  AvFramePtr surface;
  if (hardware_) {
    OCTO_ASSIGN_OR_RETURN(surface, hardware_->Upload(*frame));
    frame = surface.get();
  }
  const int error = avcodec_send_frame(codec_.get(), frame);
  if (error < 0) return AvStatus(error, "encoder '" + std::string(codec_->codec->name) + "'");
  return OkStatus();
}

// From numbers to times. Where pictures are reordered, decoding begins before number 0.
void Encoder::RestoreTimes(AVPacket* packet) {
  const int64_t first_needed = packet->dts;
  packet->pts = times_[packet->pts];
  packet->dts = packet->dts < 0 ? first_pts_ + packet->dts : times_[packet->dts];
  times_.erase(times_.begin(), times_.lower_bound(first_needed));
}

Result<AvPacketPtr> Encoder::Receive() {
  AvPacketPtr packet = NewAvPacket();
  const int error = avcodec_receive_packet(codec_.get(), packet.get());
  if (error == AVERROR(EAGAIN) || error == AVERROR_EOF) return AvPacketPtr();
  if (error < 0) return AvStatus(error, "encoder '" + std::string(codec_->codec->name) + "'");
  if (sent_ <= kX265UntimedFrames && ended_ && std::string_view(codec_->codec->name) == "libx265") {
    packet->dts = packet->pts;
  }
  if (numbered_) RestoreTimes(packet.get());
  const auto found = durations_.find(packet->pts);
  if (found != durations_.end()) {
    packet->duration = found->second;
    durations_.erase(found);
  }
  return packet;
}

}  // namespace octoscale
