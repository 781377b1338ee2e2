// Decoder: packets of one video stream to frames. Included only by the .cc files of this folder.
#pragma once

#include <cstdint>
#include <memory>

#include "base/status.h"
#include "video/demuxer.h"
#include "video/libav.h"

namespace octoscale {

struct DecoderCounts {
  int64_t bad_packets = 0;     // refused by the decoder or marked damaged by the container
  int64_t damaged_frames = 0;  // decoded with errors concealed, and passed on
};

// Not thread-safe. Pulls from `demuxer`, which must outlive it.
class Decoder {
 public:
  // Errors: Unsupported (no decoder), InvalidArgument, ResourceExhausted.
  static Result<std::unique_ptr<Decoder>> Open(Demuxer* demuxer, int stream_index, int threads);

  // The next frame in presentation order; null once everything is drained. A damaged packet is
  // counted and skipped; a failed read is an error.
  Result<AvFramePtr> Next();
  // After a seek: forgets buffered frames, and decodes nothing before the next keyframe.
  void Flush();
  // PTS of the keyframe that decoding began with after Flush(), in stream ticks; AV_NOPTS_VALUE
  // when unknown. Pictures that are shown before it may lack their references.
  int64_t keyframe_pts() const { return keyframe_pts_; }
  // How much later it may be shown: containers such as AVI give decoding times only.
  double keyframe_doubt_seconds() const { return keyframe_doubt_seconds_; }

  const DecoderCounts& counts() const { return counts_; }
  const AVCodecContext& context() const { return *codec_; }

 private:
  Decoder(Demuxer* demuxer, int stream_index);
  Status FeedPacket();

  Demuxer* demuxer_;
  int stream_index_;
  AvCodecPtr codec_;
  AvPacketPtr packet_;
  bool draining_ = false;
  bool needs_keyframe_ = false;
  int64_t keyframe_pts_ = AV_NOPTS_VALUE;
  double keyframe_doubt_seconds_ = 0;
  DecoderCounts counts_;
};

}  // namespace octoscale
