// SegmentWriter: a run of pictures as one closed file of encoded packets. Segments of one video are
// made in any order and anywhere, twice with the same result, and joined by
// VideoWriter::AppendSegments().
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "video/picture.h"
#include "video/video_reader.h"
#include "video/video_writer.h"

namespace octoscale {

// Ok when a video made with these options can be put together from separately encoded segments
// without harm. Errors: Unsupported, with the reason (a bit rate that is planned over the whole
// video, an encoder that nobody has tried).
Status CheckSegmentable(const EncoderOptions& options);

// The versions of the libraries that decode and encode, e.g. "libavcodec 59.37.100".
std::string CodecLibraryVersion();

struct SegmentInfo {
  int64_t frames = 0;
  int64_t bytes = 0;
  uint64_t hash = 0;  // ContentHash of the file
  int64_t first_pts = 0;
  int64_t last_pts = 0;
  int64_t end_pts = 0;  // end of the last picture
};

// Not thread-safe: one thread at a time.
class SegmentWriter {
 public:
  // Opens a fresh encoder, so that the segment begins with a keyframe and refers to nothing before
  // it. `container_path`: the final output, whose container decides the form of the codec's
  // headers. Replaces `path`. Errors: those of VideoWriter::Open about encoder and disk.
  static Result<std::unique_ptr<SegmentWriter>> Open(const std::string& path,
                                                     const VideoReader& source,
                                                     FrameSize output_size,
                                                     const EncoderOptions& options,
                                                     const std::string& container_path);
  // Leaves an unclosed file behind; nothing takes it for a segment.
  ~SegmentWriter();

  const PictureFormat& format() const;
  int64_t frames() const;

  // Pictures in presentation order, times strictly increasing, in the source's time base.
  Status Write(Picture picture);
  // After at least one picture: drains the encoder and syncs the file to disk.
  Result<SegmentInfo> Close();

 private:
  struct Impl;
  explicit SegmentWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Size and hash of a segment's file, for comparison with what SegmentWriter::Close() said. Reads
// all of it. Errors: NotFound, IoError, CorruptInput.
Status CheckSegmentFile(const std::string& path, int64_t bytes, uint64_t hash);

}  // namespace octoscale
