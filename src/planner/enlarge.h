// Frames made larger without a network.
#pragma once

#include "frame/frame.h"

namespace octoscale {

// `scale` times as wide and high, at least 1: each pixel between its neighbours' values (bilinear,
// co-sited), so it is smooth, as what a network makes of a picture. Cheap and plain: for measuring.
Frame Enlarged(const Frame& frame, int scale);

}  // namespace octoscale
