// Transparency on its way through the pipeline, beside the frames.
#pragma once

#include <optional>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "frame/frame_upscaler.h"
#include "frame/rotate.h"
#include "image/image.h"

namespace octoscale {

using AlphaPlanes = std::vector<std::optional<AlphaPlane>>;

AlphaPlane TurnAlpha(const AlphaPlane& alpha, Orientation orientation);

// Replaces each plane by its upscaled self, made as UpscaleImage() makes it. Planes that are wholly
// opaque or wholly transparent cost no upscaling. Errors: those of FrameUpscaler::Upscale.
Status UpscaleAlpha(AlphaPlanes* planes, FrameUpscaler* upscaler, const CancelToken& cancel);

}  // namespace octoscale
