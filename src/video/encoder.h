// Encoder: pictures of one size and format to packets. Included only by the .cc files here.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/status.h"
#include "video/container.h"
#include "video/hardware_frames.h"
#include "video/libav.h"
#include "video/picture.h"
#include "video/video_reader_impl.h"
#include "video/video_writer.h"

namespace octoscale {

// Not thread-safe. Bounded memory: the encoder's own look-ahead.
class Encoder {
 public:
  // `leftovers`: extra options that the encoder doesn't know, for the muxer to try.
  // Errors: InvalidArgument (an option or pixel format, by name), Unsupported.
  static Result<std::unique_ptr<Encoder>> Open(
      const VideoReader::Impl& source, FrameSize size, const EncoderOptions& options,
      const Container& container, std::vector<std::pair<std::string, std::string>>* leftovers,
      std::vector<std::string>* warnings);

  ~Encoder();

  const PictureFormat& format() const { return format_; }
  const AVCodecContext& context() const { return *codec_; }
  // Of pictures and packets: the source's, whatever the codec counts in.
  AVRational time_base() const { return time_base_; }

  // A null picture starts draining.
  Status Send(Picture picture);
  // The next packet, in time_base(), with the duration of its picture; null when the
  // encoder wants another picture or, while draining, when nothing is left.
  Result<AvPacketPtr> Receive();

 private:
  Encoder() = default;
  Status ChooseFormat(const VideoReader::Impl& source, FrameSize size, const AVCodec& codec,
                      const EncoderOptions& options, const Container& container,
                      std::vector<std::string>* warnings);
  void NumberPictures();
  void RestoreTimes(AVPacket* packet);
  void ApplySource(const VideoReader::Impl& source, const Container& container);

  Status AttachDevice(const EncoderOptions& options);

  std::unique_ptr<HardwareFrames> hardware_;  // where the encoder takes surfaces only
  AvCodecPtr codec_;
  PictureFormat format_;
  AVRational time_base_{0, 1};
  // MPEG-1, 2 and 4 and their kin plan bit rates by ticks and know few time bases: they are told
  // the pictures' numbers. These are the pictures' times, by number.
  bool numbered_ = false;
  std::map<int64_t, int64_t> times_;
  int64_t first_pts_ = 0;
  int64_t sent_ = 0;                                // pictures
  bool ended_ = false;                              // draining began
  std::unordered_map<int64_t, int64_t> durations_;  // by PTS, of pictures inside the encoder
};

}  // namespace octoscale
