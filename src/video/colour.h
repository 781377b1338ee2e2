// Colour: a codec's picture to a planar RGB Frame and back, driven by the stream's tags.
//
// Matrix, range and chroma siting are honoured; primaries and transfer pass through untouched
// (frames stay gamma-coded). Untagged pictures: BT.601 below 720 lines, BT.709 from there; limited
// range for YUV, full for RGB; chroma left. Computed in float and rounded to nearest, no dithering:
// within 1 level of the exact value, and the same bits on every run.
#pragma once

#include <memory>
#include <optional>

#include "base/status.h"
#include "frame/frame.h"
#include "image/image.h"
#include "video/picture.h"

namespace octoscale {

// The tags with every unspecified matrix and range replaced by the rule above. `rgb`: the pixel
// format holds RGB, not YUV. `lines` is the height that the rule looks at.
ColourTags ResolveColour(const ColourTags& tags, int lines, bool rgb);

// The transparency of a picture as a plane of `type`; nothing when its pixel format has none.
// Errors: Unsupported (a pixel format without RGB or YUV).
Result<std::optional<AlphaPlane>> AlphaOf(const Picture& picture, SampleType type);

// Not thread-safe; one per thread. Rebuilds itself when format or tags change.
class ColourToRgb {
 public:
  // `type`: kU8 for sources of up to 8 bits, kU16 above. drop_alpha: transparent pixels are
  // converted like others, else they are an error.
  explicit ColourToRgb(SampleType type, bool drop_alpha = false);
  ~ColourToRgb();
  // Errors: Unsupported (a pixel format without RGB or YUV, transparent pixels).
  Result<Frame> Convert(const Picture& picture);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Not thread-safe; one per thread.
class ColourFromRgb {
 public:
  explicit ColourFromRgb(const PictureFormat& format);
  ~ColourFromRgb();
  // `frame` and `alpha` must have the format's size. A format with alpha takes it from `alpha`, or
  // is opaque. Errors: Internal (another size), Unsupported.
  Result<Picture> Convert(const Frame& frame, FrameTime time, const AlphaPlane* alpha = nullptr);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace octoscale
