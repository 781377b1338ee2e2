// ZimgGraph: one colour conversion, built once. Included only by the .cc files of this folder.
#pragma once

#include <zimg.h>

#include <memory>

#include "base/aligned_buffer.h"
#include "base/status.h"

namespace octoscale {

// Planes in zimg's order, 32-byte aligned rows.
struct ZimgPlanes {
  void* data[3] = {};
  ptrdiff_t stride_bytes[3] = {};
};

// Not thread-safe (owns its scratch memory).
class ZimgGraph {
 public:
  // Chroma is resampled with Catmull-Rom; values round to nearest, no dithering.
  // Errors: Unsupported, with zimg's words.
  static Result<std::unique_ptr<ZimgGraph>> Build(const zimg_image_format& in,
                                                  const zimg_image_format& out);
  Status Process(const ZimgPlanes& in, const ZimgPlanes& out);

 private:
  struct Free {
    void operator()(zimg_filter_graph* graph) const { zimg_filter_graph_free(graph); }
  };
  std::unique_ptr<zimg_filter_graph, Free> graph_;
  AlignedBuffer<uint8_t> scratch_;
};

}  // namespace octoscale
