#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <new>
#include <string>

extern "C" {
#include <libavutil/audio_fifo.h>
#include <libavutil/channel_layout.h>
#include <libavutil/samplefmt.h>
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
// Sound may be this far from its time: less than viewers notice, more than times are rounded by.
constexpr double kDriftSecondsMax = 0.04;
// Sound that overlaps what came before by more than this is appended; its times are wrong.
constexpr double kOverlapSecondsMax = 1;
// Silence is encoded for gaps up to this; longer ones become gaps of the output.
constexpr int kSilenceSecondsMax = 60;

// What encoders of 1 to 8 channels take: libopus those of Vorbis, AAC these and more.
constexpr uint64_t kCommonLayouts[] = {AV_CH_LAYOUT_MONO,         AV_CH_LAYOUT_STEREO,
                                       AV_CH_LAYOUT_SURROUND,     AV_CH_LAYOUT_QUAD,
                                       AV_CH_LAYOUT_5POINT0_BACK, AV_CH_LAYOUT_5POINT1_BACK,
                                       AV_CH_LAYOUT_6POINT1,      AV_CH_LAYOUT_7POINT1};

class AudioTranscoder : public PacketTransform {
 public:
  static Result<std::unique_ptr<PacketTransform>> Open(const AVStream& input, AVCodecID target,
                                                       bool global_header) {
    auto transcoder = std::make_unique<AudioTranscoder>();
    OCTO_RETURN_IF_ERROR(transcoder->OpenDecoder(input));
    OCTO_RETURN_IF_ERROR(transcoder->ChooseEncoder(target, global_header));
    return std::unique_ptr<PacketTransform>(std::move(transcoder));
  }

  Status Push(const AVPacket* packet, std::vector<AvPacketPtr>* out) override {
    const int error = avcodec_send_packet(decoder_.get(), packet);
    // Damaged packets leave a gap, as in any player.
    if (error == AVERROR(ENOMEM)) return AvStatus(error, "audio decoder");
    if (error < 0 && error != AVERROR_EOF) ++lost_;
    AvFramePtr frame = NewAvFrame();
    while (avcodec_receive_frame(decoder_.get(), frame.get()) == 0) {
      OCTO_RETURN_IF_ERROR(KeepTime(*frame, out));
      OCTO_RETURN_IF_ERROR(Resample(frame.get()));
      OCTO_RETURN_IF_ERROR(EncodeFifo(false, out));
    }
    if (packet != nullptr) return OkStatus();
    if (resampler_) OCTO_RETURN_IF_ERROR(Resample(nullptr));
    OCTO_RETURN_IF_ERROR(EncodeFifo(true, out));
    return Encode(nullptr, out);
  }

  AVRational output_time_base() const override { return encoder_->time_base; }
  int64_t lost() const override { return lost_; }

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

  // With the layout of the source or, where encoder or resampler lack that, a common one.
  Status ChooseEncoder(AVCodecID target, bool global_header) {
    const AVCodec* codec = target == AV_CODEC_ID_OPUS ? avcodec_find_encoder_by_name("libopus")
                                                      : avcodec_find_encoder(target);
    if (codec == nullptr) return Unsupported("no encoder for this audio");
    const int channels = decoder_->ch_layout.nb_channels;
    AVChannelLayout layouts[3] = {};
    PlainLayout(&layouts[0], decoder_->ch_layout);
    const int common = std::min<int>(channels, std::size(kCommonLayouts));
    av_channel_layout_from_mask(&layouts[1], kCommonLayouts[common - 1]);
    av_channel_layout_from_mask(&layouts[2], AV_CH_LAYOUT_STEREO);
    Status status;
    for (AVChannelLayout& layout : layouts) {
      status = OpenEncoder(*codec, layout, global_header);
      if (status.ok()) status = TryResampler();
      if (status.ok()) break;
    }
    for (AVChannelLayout& layout : layouts) av_channel_layout_uninit(&layout);
    return status;
  }

  // Layouts without named channels count as the usual ones of so many channels.
  static void PlainLayout(AVChannelLayout* to, const AVChannelLayout& from) {
    if (from.order == AV_CHANNEL_ORDER_NATIVE) {
      av_channel_layout_copy(to, &from);
    } else {
      av_channel_layout_default(to, from.nb_channels);
    }
  }

  Status OpenEncoder(const AVCodec& codec, const AVChannelLayout& layout, bool global_header) {
    encoder_.reset(avcodec_alloc_context3(&codec));
    if (!encoder_) throw std::bad_alloc();
    encoder_->sample_rate = codec.id == AV_CODEC_ID_OPUS ? kOpusRate : NearestRate(codec);
    encoder_->sample_fmt = codec.sample_fmts != nullptr ? codec.sample_fmts[0] : AV_SAMPLE_FMT_FLTP;
    encoder_->time_base = {1, encoder_->sample_rate};
    encoder_->bit_rate = int64_t{96'000} * layout.nb_channels;
    av_channel_layout_copy(&encoder_->ch_layout, &layout);
    if (global_header) encoder_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    const int error = avcodec_open2(encoder_.get(), &codec, nullptr);
    if (error < 0) return AvStatus(error, "audio encoder");
    fifo_.reset(
        av_audio_fifo_alloc(encoder_->sample_fmt, layout.nb_channels, encoder_->sample_rate));
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

  Status OpenResampler(AVChannelLayout layout, int format, int rate) {
    SwrContext* context = nullptr;
    int error = swr_alloc_set_opts2(&context, &encoder_->ch_layout, encoder_->sample_fmt,
                                    encoder_->sample_rate, &layout,
                                    static_cast<AVSampleFormat>(format), rate, 0, nullptr);
    resampler_.reset(context);
    if (error >= 0) error = swr_init(context);
    return error < 0 ? AvStatus(error, "audio resampler") : OkStatus();
  }

  // Fails now rather than at the first packet.
  Status TryResampler() {
    if (decoder_->sample_fmt == AV_SAMPLE_FMT_NONE) return OkStatus();
    AVChannelLayout layout = {};
    PlainLayout(&layout, decoder_->ch_layout);
    const Status status = OpenResampler(layout, decoder_->sample_fmt, decoder_->sample_rate);
    av_channel_layout_uninit(&layout);
    resampler_.reset();
    return status;
  }

  int64_t Samples(double seconds) const {
    return static_cast<int64_t>(seconds * encoder_->sample_rate);
  }

  // Fills what is missing before the frame with silence, and skips what came already.
  Status KeepTime(const AVFrame& frame, std::vector<AvPacketPtr>* out) {
    if (frame.pts == AV_NOPTS_VALUE) return OkStatus();
    const int64_t pts = av_rescale_q(frame.pts, decoder_->pkt_timebase, encoder_->time_base);
    if (!resampler_) {
      next_pts_ = pts;
      return OkStatus();
    }
    const int64_t missing = pts - next_pts_ - av_audio_fifo_size(fifo_.get()) -
                            swr_get_delay(resampler_.get(), encoder_->sample_rate);
    if (missing > Samples(kDriftSecondsMax)) return FillGap(missing, out);
    if (missing < -Samples(kDriftSecondsMax) && missing > -Samples(kOverlapSecondsMax)) {
      const int error = swr_drop_output(resampler_.get(), static_cast<int>(-missing));
      if (error < 0) return AvStatus(error, "audio resampler");
    }
    return OkStatus();
  }

  Status FillGap(int64_t samples, std::vector<AvPacketPtr>* out) {
    // The resampler's last samples belong before the silence.
    const int64_t before = av_audio_fifo_size(fifo_.get());
    OCTO_RETURN_IF_ERROR(Convert(nullptr));
    samples -= av_audio_fifo_size(fifo_.get()) - before;
    resampler_.reset();
    format_ = AV_SAMPLE_FMT_NONE;
    while (samples > 0) {
      const int step = static_cast<int>(std::min<int64_t>(samples, encoder_->sample_rate));
      OCTO_RETURN_IF_ERROR(AppendSilence(step));
      OCTO_RETURN_IF_ERROR(EncodeFifo(false, out));
      samples -= step;
      // What waits to be encoded is silence.
      const int64_t skipped = samples - int64_t{kSilenceSecondsMax} * encoder_->sample_rate;
      if (skipped <= 0) continue;
      next_pts_ += skipped;
      samples -= skipped;
    }
    return OkStatus();
  }

  Status AppendSilence(int samples) {
    AvFramePtr silence = NewAvFrame();
    OCTO_RETURN_IF_ERROR(NewFrame(samples, silence.get()));
    av_samples_set_silence(silence->extended_data, 0, samples, silence->ch_layout.nb_channels,
                           encoder_->sample_fmt);
    return AppendToFifo(*silence);
  }

  // Broadcast audio may change its format from one frame to the next.
  bool FormatChanged(const AVFrame& frame) const {
    return frame.format != format_ || frame.sample_rate != rate_ ||
           frame.ch_layout.nb_channels != channels_;
  }

  // Null drains the resampler.
  Status Resample(AVFrame* frame) {
    if (frame != nullptr && frame->ch_layout.order != AV_CHANNEL_ORDER_NATIVE) {
      av_channel_layout_default(&frame->ch_layout, frame->ch_layout.nb_channels);
    }
    if (frame != nullptr && FormatChanged(*frame)) {
      if (resampler_) OCTO_RETURN_IF_ERROR(Convert(nullptr));
      OCTO_RETURN_IF_ERROR(OpenResampler(frame->ch_layout, frame->format, frame->sample_rate));
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
    return AppendToFifo(*converted);
  }

  Status AppendToFifo(const AVFrame& frame) {
    if (frame.nb_samples > 0 &&
        av_audio_fifo_write(fifo_.get(), reinterpret_cast<void**>(frame.extended_data),
                            frame.nb_samples) < 0) {
      throw std::bad_alloc();
    }
    return OkStatus();
  }

  // In the encoder's format, with room for the samples.
  Status NewFrame(int samples, AVFrame* frame) const {
    frame->nb_samples = samples;
    frame->format = encoder_->sample_fmt;
    frame->sample_rate = encoder_->sample_rate;
    av_channel_layout_copy(&frame->ch_layout, &encoder_->ch_layout);
    const int error = av_frame_get_buffer(frame, 0);
    return error < 0 ? AvStatus(error, "audio encoder") : OkStatus();
  }

  Status EncodeFifo(bool drain, std::vector<AvPacketPtr>* out) {
    const int whole = encoder_->frame_size > 0 ? encoder_->frame_size : 1024;
    while (av_audio_fifo_size(fifo_.get()) >= (drain ? 1 : whole)) {
      AvFramePtr frame = NewAvFrame();
      OCTO_RETURN_IF_ERROR(NewFrame(std::min(whole, av_audio_fifo_size(fifo_.get())), frame.get()));
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
  int64_t next_pts_ = 0;  // of the first sample in the FIFO
  int64_t lost_ = 0;      // packets that the decoder refused
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
