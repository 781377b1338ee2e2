// A still picture through a FrameUpscaler, with its transparency.
#pragma once

#include "base/cancel.h"
#include "base/status.h"
#include "frame/frame_upscaler.h"
#include "image/image.h"

namespace octoscale {

// The picture at `upscaler`'s scale, sample type and ICC profile kept. Alpha goes through the
// upscaler as a grey frame of the same batch; where a source pixel and its eight neighbours are all
// opaque or all transparent, its output pixels are exactly that.
// Errors: InvalidArgument (a side of the result would exceed kFrameSideMax), those of
// FrameUpscaler::Upscale, ResourceExhausted.
Result<Image> UpscaleImage(Image image, FrameUpscaler& upscaler, const CancelToken& cancel = {});

// The two halves of that for alpha, for those who batch the frames of many pictures: the plane as a
// grey frame, and the plane that its upscaled frame (`scale` times as large) stands for.
Frame AlphaAsFrame(const AlphaPlane& alpha);
AlphaPlane AlphaFromUpscaled(const Frame& upscaled, const AlphaPlane& source, int scale);

}  // namespace octoscale
