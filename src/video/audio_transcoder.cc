#include <algorithm>
#include <new>
#include <string>

extern "C" {
#include <libavutil/audio_fifo.h>
#include <libavutil/channel_layout.h>
#include <libswresample/swresample.h>
}

#include "video/packet_transform.h"

namespace octoscale {
namespace {

struct FreeFifo {
  void operator()(AVAudioFifo* fifo) const { av_audio_fifo_free(fifo); }
};
using SwrPtr = std::unique_ptr<SwrContext, AvDelete<SwrContext, swr_free>>;

constexpr int kOpusRate = 48000;

class AudioTranscoder : public PacketTransform {
 public:
  static Result<std::unique_ptr<PacketTransform>> Open(const AVStream& input, AVCodecID target,
                                                       bool global_header) {
    auto transcoder = std::make_unique<AudioTranscoder>();
    OCTO_RETURN_IF_ERROR(transcoder->OpenDecoder(input));
    OCTO_RETURN_IF_ERROR(transcoder->OpenEncoder(target, global_header));
    return std::unique_ptr<PacketTransform>(std::move(transcoder));
  }

  Status Push(const AVPacket* packet, std::vector<AvPacketPtr>* out) override {
    const int error = avcodec_send_packet(decoder_.get(), packet);
    // Damaged packets leave a gap, as in any player.
    if (error == AVERROR(ENOMEM)) return AvStatus(error, "audio decoder");
    AvFramePtr frame = NewAvFrame();
    while (avcodec_receive_frame(decoder_.get(), frame.get()) == 0) {
      OCTO_RETURN_IF_ERROR(Resample(frame.get()));
      OCTO_RETURN_IF_ERROR(EncodeFifo(false, out));
    }
    if (packet != nullptr) return OkStatus();
    if (resampler_) OCTO_RETURN_IF_ERROR(Resample(nullptr));
    OCTO_RETURN_IF_ERROR(EncodeFifo(true, out));
    return Encode(nullptr, out);
  }

  AVRational output_time_base() const override { return encoder_->time_base; }

  Status FillParameters(AVCodecParameters* parameters) const override {
    const int error = avcodec_parameters_from_context(parameters, encoder_.get());
    return error < 0 ? AvStatus(error, "audio parameters") : OkStatus();
  }

 private:
  Status OpenDecoder(const AVStream& input) {
    const AVCodec* codec = avcodec_find_decoder(input.codecpar->codec_id);
    if (codec == nullptr) return Unsupported("no decoder for this audio");
    decoder_.reset(avcodec_alloc_context3(codec));
    if (!decoder_) throw std::bad_alloc();
    int error = avcodec_parameters_to_context(decoder_.get(), input.codecpar);
    if (error < 0) return AvStatus(error, "audio parameters");
    decoder_->pkt_timebase = input.time_base;
    error = avcodec_open2(decoder_.get(), codec, nullptr);
    if (error < 0) return AvStatus(error, "audio decoder");
    if (decoder_->sample_rate <= 0 || decoder_->ch_layout.nb_channels <= 0) {
      return Unsupported("audio of unknown rate or channels");
    }
    return OkStatus();
  }

  Status OpenEncoder(AVCodecID target, bool global_header) {
    const AVCodec* codec = target == AV_CODEC_ID_OPUS ? avcodec_find_encoder_by_name("libopus")
                                                      : avcodec_find_encoder(target);
    if (codec == nullptr) return Unsupported("no encoder for this audio");
    encoder_.reset(avcodec_alloc_context3(codec));
    if (!encoder_) throw std::bad_alloc();
    const int channels = decoder_->ch_layout.nb_channels;
    encoder_->sample_rate = target == AV_CODEC_ID_OPUS ? kOpusRate : NearestRate(*codec);
    encoder_->sample_fmt =
        codec->sample_fmts != nullptr ? codec->sample_fmts[0] : AV_SAMPLE_FMT_FLTP;
    encoder_->time_base = {1, encoder_->sample_rate};
    encoder_->bit_rate = int64_t{96'000} * channels;
    if (decoder_->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC) {
      av_channel_layout_default(&encoder_->ch_layout, channels);
    } else {
      av_channel_layout_copy(&encoder_->ch_layout, &decoder_->ch_layout);
    }
    if (global_header) encoder_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    const int error = avcodec_open2(encoder_.get(), codec, nullptr);
    if (error < 0) return AvStatus(error, "audio encoder");
    fifo_.reset(av_audio_fifo_alloc(encoder_->sample_fmt, channels, encoder_->sample_rate));
    if (!fifo_) throw std::bad_alloc();
    return OkStatus();
  }

  int NearestRate(const AVCodec& codec) const {
    if (codec.supported_samplerates == nullptr) return decoder_->sample_rate;
    int best = codec.supported_samplerates[0];
    for (const int* rate = codec.supported_samplerates; *rate != 0; ++rate) {
      if (std::abs(*rate - decoder_->sample_rate) < std::abs(best - decoder_->sample_rate)) {
        best = *rate;
      }
    }
    return best;
  }

  Status OpenResampler(AVFrame& frame) {
    SwrContext* context = nullptr;
    int error = swr_alloc_set_opts2(
        &context, &encoder_->ch_layout, encoder_->sample_fmt, encoder_->sample_rate,
        &frame.ch_layout, static_cast<AVSampleFormat>(frame.format), frame.sample_rate, 0, nullptr);
    resampler_.reset(context);
    if (error >= 0) error = swr_init(context);
    if (error < 0) return AvStatus(error, "audio resampler");
    if (!started_ && frame.pts != AV_NOPTS_VALUE) {
      next_pts_ = av_rescale_q(frame.pts, decoder_->pkt_timebase, encoder_->time_base);
    }
    started_ = true;
    return OkStatus();
  }

  // Broadcast audio may change its format from one frame to the next.
  bool FormatChanged(const AVFrame& frame) const {
    return frame.format != format_ || frame.sample_rate != rate_ ||
           frame.ch_layout.nb_channels != channels_;
  }

  // Null drains the resampler.
  Status Resample(AVFrame* frame) {
    if (frame != nullptr && frame->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC) {
      av_channel_layout_default(&frame->ch_layout, frame->ch_layout.nb_channels);
    }
    if (frame != nullptr && FormatChanged(*frame)) {
      if (resampler_) OCTO_RETURN_IF_ERROR(Convert(nullptr));
      OCTO_RETURN_IF_ERROR(OpenResampler(*frame));
      format_ = frame->format;
      rate_ = frame->sample_rate;
      channels_ = frame->ch_layout.nb_channels;
    }
    return Convert(frame);
  }

  Status Convert(const AVFrame* frame) {
    AvFramePtr converted = NewAvFrame();
    converted->sample_rate = encoder_->sample_rate;
    converted->format = encoder_->sample_fmt;
    av_channel_layout_copy(&converted->ch_layout, &encoder_->ch_layout);
    const int error = swr_convert_frame(resampler_.get(), converted.get(), frame);
    if (error < 0) return AvStatus(error, "audio resampler");
    if (converted->nb_samples > 0 &&
        av_audio_fifo_write(fifo_.get(), reinterpret_cast<void**>(converted->extended_data),
                            converted->nb_samples) < 0) {
      throw std::bad_alloc();
    }
    return OkStatus();
  }

  Status EncodeFifo(bool drain, std::vector<AvPacketPtr>* out) {
    const int whole = encoder_->frame_size > 0 ? encoder_->frame_size : 1024;
    while (av_audio_fifo_size(fifo_.get()) >= (drain ? 1 : whole)) {
      AvFramePtr frame = NewAvFrame();
      frame->nb_samples = std::min(whole, av_audio_fifo_size(fifo_.get()));
      frame->format = encoder_->sample_fmt;
      frame->sample_rate = encoder_->sample_rate;
      av_channel_layout_copy(&frame->ch_layout, &encoder_->ch_layout);
      const int error = av_frame_get_buffer(frame.get(), 0);
      if (error < 0) return AvStatus(error, "audio encoder");
      av_audio_fifo_read(fifo_.get(), reinterpret_cast<void**>(frame->extended_data),
                         frame->nb_samples);
      frame->pts = next_pts_;
      next_pts_ += frame->nb_samples;
      OCTO_RETURN_IF_ERROR(Encode(frame.get(), out));
    }
    return OkStatus();
  }

  Status Encode(AVFrame* frame, std::vector<AvPacketPtr>* out) {
    int error = avcodec_send_frame(encoder_.get(), frame);
    if (error < 0 && error != AVERROR_EOF) return AvStatus(error, "audio encoder");
    while (true) {
      AvPacketPtr packet = NewAvPacket();
      error = avcodec_receive_packet(encoder_.get(), packet.get());
      if (error == AVERROR(EAGAIN) || error == AVERROR_EOF) return OkStatus();
      if (error < 0) return AvStatus(error, "audio encoder");
      out->push_back(std::move(packet));
    }
  }

  AvCodecPtr decoder_;
  AvCodecPtr encoder_;
  SwrPtr resampler_;
  std::unique_ptr<AVAudioFifo, FreeFifo> fifo_;
  int64_t next_pts_ = 0;
  bool started_ = false;
  // What the resampler was opened for.
  int format_ = AV_SAMPLE_FMT_NONE;
  int rate_ = 0;
  int channels_ = 0;
};

}  // namespace

Result<std::unique_ptr<PacketTransform>> NewAudioTranscoder(const AVStream& input, AVCodecID target,
                                                            bool global_header) {
  return AudioTranscoder::Open(input, target, global_header);
}

}  // namespace octoscale
