#include "pipeline/alpha_planes.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "image/image_upscaler.h"

namespace octoscale {
namespace {

// Every sample 0, or every sample the greatest: all bytes alike.
bool IsFlatExtreme(const AlphaPlane& alpha) {
  const uint8_t first = *alpha.row(0);
  if (first != 0 && first != 0xFF) return false;
  const size_t bytes = alpha.stride_bytes() * alpha.size.height;
  const uint8_t* samples = alpha.row(0);
  return std::all_of(samples, samples + bytes, [first](uint8_t byte) { return byte == first; });
}

AlphaPlane Flat(FrameSize size, SampleType type, uint8_t byte) {
  AlphaPlane plane(size, type);
  std::memset(plane.row(0), byte, plane.stride_bytes() * size.height);
  return plane;
}

}  // namespace

AlphaPlane TurnAlpha(const AlphaPlane& alpha, Orientation orientation) {
  AlphaPlane turned(TurnedSize(alpha.size, orientation), alpha.type);
  TurnPlane(alpha.row(0), static_cast<ptrdiff_t>(alpha.stride_bytes()), alpha.size,
            SampleBytes(alpha.type), orientation, turned.row(0),
            static_cast<ptrdiff_t>(turned.stride_bytes()));
  return turned;
}

Status UpscaleAlpha(AlphaPlanes* planes, FrameUpscaler* upscaler, const CancelToken& cancel) {
  const int scale = upscaler->info().scale;
  std::vector<Frame> batch;
  std::vector<size_t> sources;
  for (size_t i = 0; i < planes->size(); ++i) {
    std::optional<AlphaPlane>& plane = (*planes)[i];
    if (!plane) continue;
    if (IsFlatExtreme(*plane)) {
      plane = Flat({plane->size.width * scale, plane->size.height * scale}, plane->type,
                   *plane->row(0));
      continue;
    }
    batch.push_back(AlphaAsFrame(*plane));
    sources.push_back(i);
  }
  if (batch.empty()) return OkStatus();
  OCTO_ASSIGN_OR_RETURN(const std::vector<Frame> upscaled,
                        upscaler->Upscale(std::move(batch), cancel));
  if (upscaled.size() != sources.size()) {
    return Internal("the upscaler returned " + std::to_string(upscaled.size()) + " frames for " +
                    std::to_string(sources.size()));
  }
  for (size_t i = 0; i < sources.size(); ++i) {
    std::optional<AlphaPlane>& plane = (*planes)[sources[i]];
    plane = AlphaFromUpscaled(upscaled[i], *plane, scale);
  }
  return OkStatus();
}

}  // namespace octoscale
