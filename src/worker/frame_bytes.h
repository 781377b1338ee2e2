// What frames weigh in the worker's budgets.
#pragma once

#include <cstdint>
#include <vector>

#include "frame/frame.h"

namespace octoscale::worker {

// Bytes of the samples of all of them, without the padding of rows.
inline uint64_t BytesOf(const std::vector<Frame>& frames) {
  uint64_t bytes = 0;
  for (const Frame& frame : frames) bytes += FrameBytes(frame.size(), frame.sample_type());
  return bytes;
}

}  // namespace octoscale::worker
