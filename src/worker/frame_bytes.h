// What frames weigh in the worker's budgets.
#pragma once

#include <cstdint>

#include "frame/frame.h"

namespace octoscale::worker {

// Bytes of the samples, without the padding of rows.
inline uint64_t FrameBytes(const Frame& frame) {
  return static_cast<uint64_t>(frame.width()) * static_cast<uint64_t>(frame.height()) *
         Frame::kPlanes * SampleBytes(frame.sample_type());
}

// Bytes of the frame that comes out.
inline uint64_t OutputBytes(const Frame& frame, int scale) {
  return FrameBytes(frame) * static_cast<uint64_t>(scale) * static_cast<uint64_t>(scale);
}

}  // namespace octoscale::worker
