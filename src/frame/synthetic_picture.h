// A fixed picture to measure with: the same on every machine and run.
#pragma once

#include <cstdint>

#include "frame/frame.h"

namespace octoscale {

// 8-bit gradients, hard edges, fine texture and noise; frames with another index differ, as those
// of a moving picture do.
Frame SyntheticPicture(FrameSize size, uint32_t index);

}  // namespace octoscale
