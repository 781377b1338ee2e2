#include "video/decoder.h"

#include <algorithm>
#include <new>
#include <string_view>

namespace octoscale {
namespace {

constexpr double kReorderSecondsMax = 0.5;  // between decoding and showing a keyframe

// FFmpeg's own decoders of VP8 and VP9 leave out the transparency that WebM keeps beside the
// pictures.
const AVCodec* DecoderFor(const AVStream& stream) {
  const AVCodecID id = stream.codecpar->codec_id;
  const AVDictionaryEntry* alpha = av_dict_get(stream.metadata, "alpha_mode", nullptr, 0);
  const char* with_alpha = id == AV_CODEC_ID_VP9   ? "libvpx-vp9"
                           : id == AV_CODEC_ID_VP8 ? "libvpx"
                                                   : nullptr;
  if (alpha != nullptr && std::string_view(alpha->value) == "1" && with_alpha != nullptr) {
    return avcodec_find_decoder_by_name(with_alpha);
  }
  return avcodec_find_decoder(id);
}

}  // namespace

Decoder::Decoder(Demuxer* demuxer, int stream_index)
    : demuxer_(demuxer), stream_index_(stream_index), packet_(NewAvPacket()) {}

Result<std::unique_ptr<Decoder>> Decoder::Open(Demuxer* demuxer, int stream_index, int threads) {
  AVStream* stream = demuxer->context()->streams[stream_index];
  const AVCodec* codec = DecoderFor(*stream);
  const std::string name = avcodec_get_name(stream->codecpar->codec_id);
  if (codec == nullptr) {
    return Unsupported(demuxer->path() + ": no decoder for video codec '" + name + "'");
  }
  std::unique_ptr<Decoder> decoder(new Decoder(demuxer, stream_index));
  decoder->codec_.reset(avcodec_alloc_context3(codec));
  if (!decoder->codec_) throw std::bad_alloc();
  AVCodecContext* context = decoder->codec_.get();
  int error = avcodec_parameters_to_context(context, stream->codecpar);
  if (error < 0) return AvStatus(error, demuxer->path() + ": stream parameters");
  context->pkt_timebase = stream->time_base;
  context->thread_count = std::max(1, threads);
  context->thread_type = FF_THREAD_FRAME | FF_THREAD_SLICE;
  context->flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT;
  error = avcodec_open2(context, codec, nullptr);
  if (error < 0) return AvStatus(error, demuxer->path() + ": opening decoder '" + name + "'");
  return decoder;
}

void Decoder::Flush() {
  avcodec_flush_buffers(codec_.get());
  draining_ = false;
  needs_keyframe_ = true;
  keyframe_pts_ = AV_NOPTS_VALUE;
}

Status Decoder::FeedPacket() {
  while (true) {
    av_packet_unref(packet_.get());
    OCTO_ASSIGN_OR_RETURN(const bool more, demuxer_->Read(packet_.get()));
    if (!more) break;
    if (packet_->stream_index != stream_index_) continue;
    if (av_packet_get_side_data(packet_.get(), AV_PKT_DATA_ENCRYPTION_INFO, nullptr) != nullptr) {
      return Unsupported(demuxer_->path() + ": the video is encrypted; decrypt it first");
    }
    if (needs_keyframe_ && (packet_->flags & AV_PKT_FLAG_KEY) == 0) continue;
    if (needs_keyframe_) {
      const bool has_pts = packet_->pts != AV_NOPTS_VALUE;
      keyframe_pts_ = has_pts ? packet_->pts : packet_->dts;
      keyframe_doubt_seconds_ = has_pts ? 0 : kReorderSecondsMax;
    }
    needs_keyframe_ = false;
    if (packet_->flags & AV_PKT_FLAG_CORRUPT) ++counts_.bad_packets;
    const int error = avcodec_send_packet(codec_.get(), packet_.get());
    if (error == 0) return OkStatus();
    if (error == AVERROR(ENOMEM)) return AvStatus(error, demuxer_->path() + ": decoding");
    ++counts_.bad_packets;
  }
  draining_ = true;
  // An error here is one of a packet still inside.
  const int error = avcodec_send_packet(codec_.get(), nullptr);
  if (error == AVERROR(ENOMEM)) return AvStatus(error, demuxer_->path() + ": decoding");
  if (error < 0 && error != AVERROR_EOF) ++counts_.bad_packets;
  return OkStatus();
}

Result<AvFramePtr> Decoder::Next() {
  AvFramePtr frame = NewAvFrame();
  while (true) {
    const int error = avcodec_receive_frame(codec_.get(), frame.get());
    if (error == 0) {
      const bool damaged = (frame->flags & AV_FRAME_FLAG_CORRUPT) || frame->decode_error_flags;
      if (damaged) ++counts_.damaged_frames;
      return frame;
    }
    if (error == AVERROR_EOF) return AvFramePtr();
    if (error == AVERROR(EAGAIN)) {
      if (draining_) return Internal("the decoder asks for packets after its end");
      OCTO_RETURN_IF_ERROR(FeedPacket());
      continue;
    }
    if (error == AVERROR(ENOMEM)) return AvStatus(error, demuxer_->path() + ": decoding");
    ++counts_.bad_packets;
  }
}

}  // namespace octoscale
