// SegmentJoiner: the packets of many segments as those of one stream. Included only by the .cc
// files of this folder.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "video/encoder.h"
#include "video/libav.h"
#include "video/segment_file.h"

namespace octoscale {

// Not thread-safe. Memory: one packet, and eight bytes for each of the video.
class SegmentJoiner {
 public:
  // `paths` in order. `encoder`: an open one with the segments' options, whose parameters the
  // output announces. Errors: CorruptInput (damaged, out of order), Unsupported (made by an encoder
  // with other headers).
  static Result<std::unique_ptr<SegmentJoiner>> Open(std::vector<std::string> paths,
                                                     const Encoder& encoder);

  // The next packet, in the encoder's time base; null after the last. Decoding times increase
  // strictly and never come after the presentation.
  Result<AvPacketPtr> Next();

  int64_t pictures() const { return pictures_; }
  int64_t end_pts() const { return end_pts_; }  // end of the last picture

 private:
  explicit SegmentJoiner(std::vector<std::string> paths) : paths_(std::move(paths)) {}
  Status Scan(const std::string& path, const Encoder& encoder);
  int64_t DecodingTime(size_t position) const;

  std::vector<std::string> paths_;
  std::vector<int64_t> times_;  // all PTS, ascending
  size_t delay_ = 0;            // how many places a picture may be decoded before it is due
  int64_t pictures_ = 0;
  int64_t end_pts_ = 0;
  size_t next_path_ = 0;
  size_t position_ = 0;  // of the next packet in the whole stream
  std::unique_ptr<SegmentFileReader> reader_;
};

}  // namespace octoscale
