// Pictures turned by quarter turns and mirrored.
#pragma once

#include <cstddef>
#include <cstdint>

#include "frame/frame.h"

namespace octoscale {

// One of the eight ways to lay a picture: first mirrored left to right if so, then turned.
struct Orientation {
  bool mirrored = false;
  int degrees = 0;  // clockwise; 0, 90, 180 or 270
  bool operator==(const Orientation&) const = default;
  // Lines become columns.
  bool swaps_sides() const { return degrees % 180 != 0; }
  bool upright() const { return !mirrored && degrees == 0; }
};

// What `first` and then `second` make of a picture.
Orientation Then(Orientation first, Orientation second);
// What undoes it.
Orientation Inverse(Orientation orientation);

// The size after the turn.
FrameSize TurnedSize(FrameSize size, Orientation orientation);

// One plane of samples of `sample_bytes` (1 or 2), rows `stride_bytes` apart; `out` has
// TurnedSize(size, orientation).
void TurnPlane(const uint8_t* in, ptrdiff_t in_stride_bytes, FrameSize size, int sample_bytes,
               Orientation orientation, uint8_t* out, ptrdiff_t out_stride_bytes);

Frame TurnFrame(const Frame& frame, Orientation orientation);

}  // namespace octoscale
