#include "image/image_upscaler.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <string>
#include <utility>

namespace octoscale {
namespace {

Status CheckOutputSize(FrameSize size, int scale) {
  if (size.width <= kFrameSideMax / scale && size.height <= kFrameSideMax / scale) {
    return OkStatus();
  }
  return InvalidArgument(
      "the picture has " + std::to_string(size.width) + "x" + std::to_string(size.height) +
      " pixels; at scale " + std::to_string(scale) + " a side may have " +
      std::to_string(kFrameSideMax / scale) + " at most; use a smaller scale or picture");
}

template <typename T>
const T* Row(const AlphaPlane& alpha, int y) {
  return reinterpret_cast<const T*>(alpha.row(y));
}

// True when pixel (x, y) and its neighbours all have the value at (x, y), and that is one of the
// two extremes.
template <typename T>
bool IsFlatExtreme(const AlphaPlane& alpha, int x, int y) {
  const T value = Row<T>(alpha, y)[x];
  if (value != 0 && value != std::numeric_limits<T>::max()) return false;
  for (int ny = std::max(y - 1, 0); ny <= std::min(y + 1, alpha.size.height - 1); ++ny) {
    for (int nx = std::max(x - 1, 0); nx <= std::min(x + 1, alpha.size.width - 1); ++nx) {
      if (Row<T>(alpha, ny)[nx] != value) return false;
    }
  }
  return true;
}

// The upscaled alpha: the mean of the three planes, but exact where the source is flat.
template <typename T>
AlphaPlane AlphaFrom(const Frame& upscaled, const AlphaPlane& source, int scale) {
  AlphaPlane alpha(upscaled.size(), upscaled.sample_type());
  for (int y = 0; y < alpha.size.height; ++y) {
    T* out = reinterpret_cast<T*>(alpha.row(y));
    const T* r = reinterpret_cast<const T*>(upscaled.row(0, y));
    const T* g = reinterpret_cast<const T*>(upscaled.row(1, y));
    const T* b = reinterpret_cast<const T*>(upscaled.row(2, y));
    for (int x = 0; x < alpha.size.width; ++x) {
      out[x] = static_cast<T>((uint32_t{r[x]} + g[x] + b[x] + 1) / 3);
    }
  }
  for (int y = 0; y < source.size.height; ++y) {
    for (int x = 0; x < source.size.width; ++x) {
      if (!IsFlatExtreme<T>(source, x, y)) continue;
      for (int row = y * scale; row < (y + 1) * scale; ++row) {
        std::fill_n(reinterpret_cast<T*>(alpha.row(row)) + x * scale, scale, Row<T>(source, y)[x]);
      }
    }
  }
  return alpha;
}

}  // namespace

Frame AlphaAsFrame(const AlphaPlane& alpha) {
  Frame frame(alpha.size, alpha.type);
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    for (int y = 0; y < alpha.size.height; ++y) {
      std::memcpy(frame.row(plane, y), alpha.row(y), alpha.stride_bytes());
    }
  }
  return frame;
}

AlphaPlane AlphaFromUpscaled(const Frame& upscaled, const AlphaPlane& source, int scale) {
  return source.type == SampleType::kU8 ? AlphaFrom<uint8_t>(upscaled, source, scale)
                                        : AlphaFrom<uint16_t>(upscaled, source, scale);
}

Result<Image> UpscaleImage(Image image, FrameUpscaler& upscaler, const CancelToken& cancel) {
  const int scale = upscaler.info().scale;
  OCTO_RETURN_IF_ERROR(CheckOutputSize(image.frame.size(), scale));
  try {
    std::vector<Frame> batch;
    batch.push_back(std::move(image.frame));
    if (image.alpha) batch.push_back(AlphaAsFrame(*image.alpha));
    OCTO_ASSIGN_OR_RETURN(std::vector<Frame> upscaled, upscaler.Upscale(std::move(batch), cancel));
    image.frame = std::move(upscaled[0]);
    if (image.alpha) image.alpha = AlphaFromUpscaled(upscaled[1], *image.alpha, scale);
    return image;
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("not enough memory for the upscaled picture");
  }
}

}  // namespace octoscale
