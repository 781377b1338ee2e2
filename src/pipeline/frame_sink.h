// FrameSink: where upscaled frames go, in order. FileSink writes them straight into a video file;
// SegmentSink keeps closed segments, so that the work can be resumed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "frame/frame.h"
#include "image/image.h"
#include "video/picture.h"
#include "video/video_writer.h"

namespace octoscale {

struct SinkReport {
  WriterReport writer;
  std::vector<std::string> warnings;
};

struct SinkFrame {
  Frame frame;
  std::optional<AlphaPlane> alpha;  // of the same size; none: opaque
  FrameTime time;
};

class FrameSink {
 public:
  virtual ~FrameSink() = default;
  // What the encoder gets. Without has_alpha, frames come without alpha.
  virtual const PictureFormat& format() const = 0;

  // What the user should know before the first frame.
  virtual std::vector<std::string> warnings() const { return {}; }

  // Frames 0 .. first_frame() - 1 were written by an earlier run. They are read again and passed to
  // Skip(), but not upscaled.
  virtual int64_t first_frame() const { return 0; }
  // Batches end at multiples of this many frames; 0: anywhere.
  virtual int64_t segment_frames() const { return 0; }
  // Each frame before first_frame(), in order, before the first Write(). Its time must be that of
  // the earlier run.
  virtual Status Skip(int64_t /*index*/, FrameTime /*time*/) { return OkStatus(); }

  // Called by one thread, index first_frame(), + 1, + 2, ... without gaps. Takes ownership.
  virtual Status Write(int64_t index, SinkFrame frame) = 0;
  // After the last frame. `trim_end`: the other streams end with the last frame.
  virtual Result<SinkReport> Finish(bool trim_end) = 0;
};

}  // namespace octoscale
