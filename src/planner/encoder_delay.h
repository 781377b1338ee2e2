// How many frames an encoder holds back.
#pragma once

#include <string>

namespace octoscale {

// Frames that `codec` (FFmpeg's name) at `preset` (empty: its default) has taken and not yet given
// back while it runs: its look-ahead, what it reorders, and its frame threads on so many cores.
// They are what is left to encode after the last frame came. Counted with `ffmpeg -debug_ts` for
// libx264, libx265 and libsvtav1; 8 for any other.
int EncoderDelayFrames(const std::string& codec, const std::string& preset, int cores);

}  // namespace octoscale
