// Every pixel format that FFmpeg decodes to or encodes from, seen as three planes of samples.
// Included only by the .cc files of this folder.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/aligned_buffer.h"
#include "base/status.h"
#include "video/libav.h"

namespace octoscale {

struct PixelLayout {
  AVPixelFormat format = AV_PIX_FMT_NONE;
  const AVPixFmtDescriptor* descriptor = nullptr;
  bool rgb = false;   // R, G, B (a palette counts as RGB), else Y, U, V
  bool grey = false;  // one component; U and V are neutral
  bool palette = false;
  bool floating = false;            // 32-bit float samples, nominal 0..1
  bool full_range_by_name = false;  // the yuvj* formats
  int alpha_component = -1;
  int depth = 8;        // bits of a sample once unpacked, 8..16
  int subsample_w = 0;  // log2
  int subsample_h = 0;  // log2
  // Each component has a plane of native-endian samples of `depth` bits: no unpacking needed.
  bool direct = false;
};

// Errors: Unsupported (hardware surfaces, Bayer, XYZ), by name.
Result<PixelLayout> LayoutOf(AVPixelFormat format);

// Three planes of 16-bit samples, rows 64-byte aligned; order R, G, B or Y, U, V. Sizes are those
// of the picture rounded up to whole chroma samples.
class PlaneSet {
 public:
  PlaneSet(int width, int height, const PixelLayout& layout);
  int width() const { return width_; }
  int height() const { return height_; }
  int plane_width(int plane) const { return plane == 0 ? width_ : chroma_width_; }
  int plane_height(int plane) const { return plane == 0 ? height_ : chroma_height_; }
  ptrdiff_t stride_bytes(int plane) const { return strides_[plane]; }
  uint16_t* row(int plane, int y) {
    return planes_[plane].data() + static_cast<ptrdiff_t>(y) * strides_[plane] / 2;
  }

 private:
  int width_, height_, chroma_width_, chroma_height_;
  std::array<ptrdiff_t, 3> strides_{};
  std::array<AlignedBuffer<uint16_t>, 3> planes_;
};

// Colour samples of `frame` into `planes`, values unchanged except that samples of fewer than 8
// bits are widened to 8. Padding repeats the last column and row.
void UnpackPlanes(const AVFrame& frame, const PixelLayout& layout, PlaneSet* planes);
// The reverse; alpha becomes opaque. Palettes and float formats can't be packed.
void PackPlanes(PlaneSet* planes, const PixelLayout& layout, AVFrame* frame);

// True when every alpha sample of the frame is opaque, or there is no alpha.
bool IsOpaque(const AVFrame& frame, const PixelLayout& layout);
// The value of an opaque alpha sample; the layout must have alpha.
int OpaqueValue(const PixelLayout& layout);
// One row of alpha samples, 0 to OpaqueValue(). Writing needs a frame whose samples are zero.
void ReadAlphaRow(const AVFrame& frame, const PixelLayout& layout, int y, uint16_t* row);
void WriteAlphaRow(const uint16_t* row, const PixelLayout& layout, int y, AVFrame* frame);
// Makes every alpha sample of the frame opaque.
void FillOpaque(const PixelLayout& layout, AVFrame* frame);

}  // namespace octoscale
