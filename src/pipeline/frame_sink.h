// FrameSink: where upscaled frames go, in order. A file writer is one; a segment writer for
// resumable work can be another.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "frame/frame.h"
#include "video/picture.h"
#include "video/video_writer.h"

namespace octoscale {

struct SinkReport {
  WriterReport writer;
  std::vector<std::string> warnings;
};

class FrameSink {
 public:
  virtual ~FrameSink() = default;
  // Called by one thread, index 0, 1, 2, ... without gaps. Takes ownership.
  virtual Status Write(int64_t index, Frame frame, FrameTime time) = 0;
  // After the last frame. `trim_end`: the other streams end with the last frame.
  virtual Result<SinkReport> Finish(bool trim_end) = 0;
};

}  // namespace octoscale
