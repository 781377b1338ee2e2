#include <cstring>
#include <new>
#include <string>

#include "video/packet_transform.h"

namespace octoscale {
namespace {

constexpr int kSubtitleBytesMax = 1 << 20;

class SubtitleConverter : public PacketTransform {
 public:
  static Result<std::unique_ptr<PacketTransform>> Open(const AVStream& input, AVCodecID target) {
    auto converter = std::make_unique<SubtitleConverter>();
    OCTO_RETURN_IF_ERROR(converter->OpenCodecs(input, target));
    return std::unique_ptr<PacketTransform>(std::move(converter));
  }

  Status Push(const AVPacket* packet, std::vector<AvPacketPtr>* out) override {
    if (packet == nullptr || packet->size == 0) return OkStatus();
    AVSubtitle subtitle = {};
    int got = 0;
    const int error =
        avcodec_decode_subtitle2(decoder_.get(), &subtitle, &got, const_cast<AVPacket*>(packet));
    // A damaged or empty cue is no reason to lose the video.
    if (error < 0) ++lost_;
    if (error < 0 || !got) return OkStatus();
    const Status status = Encode(*packet, &subtitle, out);
    avsubtitle_free(&subtitle);
    return status;
  }

  AVRational output_time_base() const override { return {1, 1000}; }
  int64_t lost() const override { return lost_; }

  Status FillParameters(AVCodecParameters* parameters) const override {
    const int error = avcodec_parameters_from_context(parameters, encoder_.get());
    return error < 0 ? AvStatus(error, "subtitle parameters") : OkStatus();
  }

 private:
  Status OpenCodecs(const AVStream& input, AVCodecID target) {
    time_base_ = input.time_base;
    const AVCodec* from = avcodec_find_decoder(input.codecpar->codec_id);
    const AVCodec* to = avcodec_find_encoder(target);
    if (from == nullptr || to == nullptr) return Unsupported("no codec to convert subtitles with");
    decoder_.reset(avcodec_alloc_context3(from));
    encoder_.reset(avcodec_alloc_context3(to));
    if (!decoder_ || !encoder_) throw std::bad_alloc();
    int error = avcodec_parameters_to_context(decoder_.get(), input.codecpar);
    if (error < 0) return AvStatus(error, "subtitle parameters");
    decoder_->pkt_timebase = input.time_base;
    error = avcodec_open2(decoder_.get(), from, nullptr);
    if (error < 0) return AvStatus(error, "subtitle decoder");
    encoder_->time_base = {1, 1000};
    // Text decoders speak ASS between each other, and the encoder wants its header.
    if (decoder_->subtitle_header != nullptr) {
      encoder_->subtitle_header = static_cast<uint8_t*>(
          av_memdup(decoder_->subtitle_header, decoder_->subtitle_header_size + 1));
      if (encoder_->subtitle_header == nullptr) throw std::bad_alloc();
      encoder_->subtitle_header_size = decoder_->subtitle_header_size;
    }
    error = avcodec_open2(encoder_.get(), to, nullptr);
    if (error < 0) return AvStatus(error, "subtitle encoder");
    return OkStatus();
  }

  Status Encode(const AVPacket& source, AVSubtitle* subtitle, std::vector<AvPacketPtr>* out) {
    if (subtitle->num_rects == 0) return OkStatus();
    AvPacketPtr packet = NewAvPacket();
    int error = av_new_packet(packet.get(), kSubtitleBytesMax);
    if (error < 0) return AvStatus(error, "subtitle conversion");
    int64_t start = av_rescale_q(source.pts, time_base_, {1, 1000});
    int64_t duration = av_rescale_q(source.duration, time_base_, {1, 1000});
    start += subtitle->start_display_time;
    if (duration <= 0 && subtitle->end_display_time != UINT32_MAX) {
      duration = int64_t{subtitle->end_display_time} - subtitle->start_display_time;
    }
    subtitle->pts = av_rescale_q(start, {1, 1000}, AV_TIME_BASE_Q);
    subtitle->end_display_time -= subtitle->start_display_time;
    subtitle->start_display_time = 0;
    const int bytes = avcodec_encode_subtitle(encoder_.get(), packet->data, packet->size, subtitle);
    if (bytes < 0) {
      ++lost_;
      return OkStatus();
    }
    av_shrink_packet(packet.get(), bytes);
    packet->pts = packet->dts = start;
    packet->duration = duration;
    out->push_back(std::move(packet));
    return OkStatus();
  }

  AvCodecPtr decoder_;
  AvCodecPtr encoder_;
  AVRational time_base_{1, 1000};
  int64_t lost_ = 0;
};

}  // namespace

Result<std::unique_ptr<PacketTransform>> NewSubtitleConverter(const AVStream& input,
                                                              AVCodecID target) {
  return SubtitleConverter::Open(input, target);
}

}  // namespace octoscale
