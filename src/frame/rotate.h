// Pictures turned by quarter turns.
#pragma once

#include <cstddef>
#include <cstdint>

#include "frame/frame.h"

namespace octoscale {

// The size after a clockwise turn by 0, 90, 180 or 270 degrees.
FrameSize TurnedSize(FrameSize size, int degrees);

// One plane of samples of `sample_bytes` (1 or 2), rows `stride_bytes` apart; `out` has
// TurnedSize(size, degrees). degrees: clockwise; 0, 90, 180 or 270.
void TurnPlane(const uint8_t* in, ptrdiff_t in_stride_bytes, FrameSize size, int sample_bytes,
               int degrees, uint8_t* out, ptrdiff_t out_stride_bytes);

Frame TurnFrame(const Frame& frame, int degrees);

}  // namespace octoscale
