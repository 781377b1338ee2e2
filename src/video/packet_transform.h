// PacketTransform: packets of a codec that the output can't hold into one that it can. Included
// only by the .cc files of this folder.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"
#include "video/libav.h"

namespace octoscale {

// Not thread-safe.
class PacketTransform {
 public:
  virtual ~PacketTransform() = default;
  // Appends finished packets, in output_time_base(). A null packet drains.
  virtual Status Push(const AVPacket* packet, std::vector<AvPacketPtr>* out) = 0;
  virtual AVRational output_time_base() const = 0;
  // Packets that could not be decoded or encoded and are left out.
  virtual int64_t lost() const = 0;
  // Describes the result to the muxer.
  virtual Status FillParameters(AVCodecParameters* parameters) const = 0;
};

// Text subtitles (mov_text, subrip, ass, webvtt ...) to another text codec.
Result<std::unique_ptr<PacketTransform>> NewSubtitleConverter(const AVStream& input,
                                                              AVCodecID target);

// Any audio that can be decoded to AAC or Opus with the same rate (Opus: 48 kHz) and channels.
Result<std::unique_ptr<PacketTransform>> NewAudioTranscoder(const AVStream& input, AVCodecID target,
                                                            bool global_header);

}  // namespace octoscale
