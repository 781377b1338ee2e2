// Deinterlacer: libavfilter's bwdif, one picture out for one picture in. Included only by the .cc
// files of this folder.
#pragma once

#include <deque>
#include <memory>

#include "base/status.h"
#include "video/libav.h"

struct AVFilterContext;
struct AVFilterGraph;

namespace octoscale {

// Not thread-safe. The filter runs from the first picture that needs it; its results are those of a
// filter that ran from the beginning. Pictures that aren't deinterlaced pass through unchanged, and
// so do those with a plane of fewer than 3 columns or 4 lines, which bwdif can't interpolate. Where
// size or pixel format changes, the filter is drained and starts anew.
class Deinterlacer {
 public:
  // `all`: pictures that aren't marked are taken for interlaced too.
  Deinterlacer(AVRational time_base, bool all);
  Deinterlacer(const Deinterlacer&) = delete;
  Deinterlacer& operator=(const Deinterlacer&) = delete;
  ~Deinterlacer();

  // A null frame drains. The frame's best_effort_timestamp is its time.
  // Errors: Unsupported (libavfilter lacks bwdif), Internal.
  Status Push(AvFramePtr frame);
  // The next picture; null when another must be pushed first, or when drained.
  Result<AvFramePtr> Pull();

 private:
  Status Open(const AVFrame& frame);
  Status Send(AvFramePtr frame);
  Result<AvFramePtr> Receive();
  Status Drain();

  AVRational time_base_;
  bool all_;
  std::deque<AvFramePtr> ready_;  // ahead of what is in the filter
  AvFramePtr previous_;           // passed on, while there is no filter
  bool skip_first_ = false;       // the filter's first picture is `previous_` once more

  AVFilterGraph* graph_ = nullptr;
  AVFilterContext* source_ = nullptr;  // owned by the graph
  AVFilterContext* sink_ = nullptr;    // owned by the graph
  int format_ = -1;                    // of the filter's input
  int width_ = 0;
  int height_ = 0;
};

}  // namespace octoscale
