// Deinterlacer: libavfilter's bwdif, one picture out for one picture in. Included only by the .cc
// files of this folder.
#pragma once

#include <memory>

#include "base/status.h"
#include "video/libav.h"

struct AVFilterContext;
struct AVFilterGraph;

namespace octoscale {

// Not thread-safe. Pictures that aren't deinterlaced pass through unchanged.
class Deinterlacer {
 public:
  // For pictures like `first`. `all`: pictures that aren't marked are taken for interlaced too.
  // Errors: Unsupported (libavfilter lacks bwdif), Internal.
  static Result<std::unique_ptr<Deinterlacer>> Open(const AVFrame& first, AVRational time_base,
                                                    bool all);
  ~Deinterlacer();

  // A null frame drains. The frame's best_effort_timestamp is its time.
  Status Push(AvFramePtr frame);
  // The next picture; null when another must be pushed first, or when drained.
  Result<AvFramePtr> Pull();

 private:
  Deinterlacer() = default;
  Status Build(const AVFrame& first, AVRational time_base, bool all);

  AVFilterGraph* graph_ = nullptr;
  AVFilterContext* source_ = nullptr;  // owned by the graph
  AVFilterContext* sink_ = nullptr;    // owned by the graph
  AVRational time_base_{0, 1};
};

}  // namespace octoscale
