// EXIF orientation (CIPA DC-008, tag 0x0112): how a camera was held. Private to this folder.
#pragma once

#include <cstdint>
#include <span>

#include "frame/frame.h"

namespace octoscale {

// The orientation of an APP1 segment's payload ("Exif\0\0" and a TIFF header), 1..8; 1 when there
// is none or the segment is damaged.
int ExifOrientation(std::span<const uint8_t> app1);

// True for the orientations that swap width and height.
constexpr bool SwapsSides(int orientation) { return orientation >= 5 && orientation <= 8; }

// The frame as it should be looked at. orientation: 1..8; 1 returns the frame as it is.
Frame Upright(Frame frame, int orientation);

}  // namespace octoscale
