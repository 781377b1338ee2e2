// Transparency on its way through the pipeline, beside the frames.
#pragma once

#include <optional>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "frame/frame_upscaler.h"
#include "image/image.h"

namespace octoscale {

using AlphaPlanes = std::vector<std::optional<AlphaPlane>>;

// The plane turned clockwise by 0, 90, 180 or 270 degrees.
AlphaPlane TurnAlpha(const AlphaPlane& alpha, int degrees);

// Replaces each plane by its upscaled self, made as UpscaleImage() makes it. Planes that are wholly
// opaque or wholly transparent cost no upscaling. Errors: those of FrameUpscaler::Upscale.
Status UpscaleAlpha(AlphaPlanes* planes, FrameUpscaler* upscaler, const CancelToken& cancel);

}  // namespace octoscale
