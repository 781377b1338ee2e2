// What one clip may ask of the machine.
#pragma once

#include <cstdint>
#include <memory>

#include "base/status.h"
#include "frame/frame_upscaler.h"
#include "video/media_info.h"

namespace octoscale {

// Tasks have clips of 1 to 10 s, 30 frames a second and at most 3840x2160 pixels. Memory grows with
// the pixels of the answer's frames, the time of the engine with all pixels.
struct ClipLimits {
  // Of one frame of the input at scale 2; at scale 4, whose answers have four times as many, a
  // quarter of it.
  int64_t pixels_max = int64_t{4096} * 2304;
  double seconds_max = 60;
  int64_t frames_max = 3600;
};

// Durations and numbers of frames that nobody knows pass. ResourceExhausted says what the clip has
// and which limit of `octoscale serve` that breaks; the caller names the clip.
Status CheckClipLimits(const MediaInfo& info, int scale, const ClipLimits& limits);

// An upscaler that fails with ResourceExhausted when it is handed more frames than that in all:
// containers may not know, or lie about, how many they have.
std::unique_ptr<FrameUpscaler> LimitFrames(std::unique_ptr<FrameUpscaler> upscaler,
                                           int64_t frames_max);

}  // namespace octoscale
