// How fast an upscaler is that isn't the engine of this process: remote workers, say.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "base/cancel.h"
#include "base/status.h"
#include "frame/frame_upscaler.h"
#include "planner/calibration.h"

namespace octoscale {

struct UpscalerSpeed {
  PixelSpeed speed;  // of the input's pixels, all slots at work; cpu: of this process alone
  // Batches that are computed side by side: the first is back after this share of the time that
  // one batch for each slot takes. At least 1.
  double batches_abreast = 1;
};

// Gets each frame that comes back; from several threads. `index`: of the frame in `frames`.
using KeepUpscaled = std::function<void(size_t index, const Frame& upscaled)>;

// Gives every slot of `upscaler` (info().batches_in_flight) a batch at once, of `frames` (all of
// one size), which are used again where there are too few: one frame each to warm up, then as many,
// up to info().batch_frames, as make about a second. Where one frame each takes longer than a few
// seconds it is not done twice. Errors: those of Upscale(); Internal (frames are missing).
Result<UpscalerSpeed> MeasureUpscaler(FrameUpscaler& upscaler, std::span<const Frame> frames,
                                      const KeepUpscaled& keep, const CancelToken& cancel);

}  // namespace octoscale
