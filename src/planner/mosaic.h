// Pieces of a frame that stand for the whole.
#pragma once

#include "frame/frame.h"

namespace octoscale {

// The middle of the frame, at most this large.
Frame Middle(const Frame& frame, FrameSize most);

// kMosaicTiles by kMosaicTiles tiles from the middles of equal parts of the frame, side by side:
// what is hard to encode is seldom spread evenly, and borders are often plain. Of a frame that is
// not larger than that in both directions, its middle.
constexpr int kMosaicTiles = 4;
Frame Mosaic(const Frame& frame, FrameSize tile);

}  // namespace octoscale
