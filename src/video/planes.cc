#include "video/planes.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

namespace octoscale {
namespace {

int CeilShift(int value, int shift) { return -((-value) >> shift); }

bool IsNativePlanar(const AVPixFmtDescriptor& d, int colours, int depth) {
  const uint64_t unusual = AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_FLOAT;
  if ((d.flags & unusual) != 0 || depth < 8) return false;
  if (depth > 8 && (d.flags & AV_PIX_FMT_FLAG_BE)) return false;
  const int bytes = depth > 8 ? 2 : 1;
  for (int c = 0; c < colours; ++c) {
    const AVComponentDescriptor& component = d.comp[c];
    if (component.step != bytes || component.offset != 0 || component.shift != 0 ||
        component.depth != depth) {
      return false;
    }
    for (int other = 0; other < c; ++other) {
      if (d.comp[other].plane == component.plane) return false;
    }
  }
  return true;
}

// Reads line `y` of component `c`, right-aligned samples as the format stores them.
void ReadLine(const AVFrame& frame, const PixelLayout& layout, int c, int y, int width,
              uint16_t* line) {
  const uint8_t* data[4] = {frame.data[0], frame.data[1], frame.data[2], frame.data[3]};
  if (layout.palette) {
    const uint8_t* indices = frame.data[0] + static_cast<ptrdiff_t>(y) * frame.linesize[0];
    const auto* argb = reinterpret_cast<const uint32_t*>(frame.data[1]);
    const int shift = c == 3 ? 24 : 16 - 8 * c;
    for (int x = 0; x < width; ++x) line[x] = argb[indices[x]] >> shift & 0xff;
    return;
  }
  if (layout.floating) {
    const AVComponentDescriptor& component = layout.descriptor->comp[c];
    const auto* in = reinterpret_cast<const float*>(
        frame.data[component.plane] + static_cast<ptrdiff_t>(y) * frame.linesize[component.plane]);
    for (int x = 0; x < width; ++x) {
      const float value = std::isfinite(in[x]) ? std::clamp(in[x], 0.0f, 1.0f) : 0.0f;
      line[x] = static_cast<uint16_t>(std::lround(value * 65535.0f));
    }
    return;
  }
  av_read_image_line2(line, data, frame.linesize, layout.descriptor, 0, y, c, width, 0, 2);
}

// 1..7-bit samples to 8 bits, full range.
void Widen(uint16_t* line, int width, int depth) {
  const int top = (1 << depth) - 1;
  for (int x = 0; x < width; ++x) {
    line[x] = static_cast<uint16_t>((line[x] * 255 + top / 2) / top);
  }
}

}  // namespace

Result<PixelLayout> LayoutOf(AVPixelFormat format) {
  const AVPixFmtDescriptor* d = av_pix_fmt_desc_get(format);
  if (d == nullptr) return Unsupported("the decoder gives pictures of an unknown pixel format");
  const std::string name = d->name;
  if ((d->flags & (AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_BAYER)) || name.starts_with("xyz")) {
    return Unsupported("pixel format '" + name + "' can't be converted to RGB");
  }
  PixelLayout layout;
  layout.format = format;
  layout.descriptor = d;
  layout.palette = (d->flags & AV_PIX_FMT_FLAG_PAL) != 0;
  layout.rgb = layout.palette || (d->flags & AV_PIX_FMT_FLAG_RGB) != 0;
  layout.floating = (d->flags & AV_PIX_FMT_FLAG_FLOAT) != 0;
  layout.full_range_by_name = name.starts_with("yuvj");
  const bool alpha = (d->flags & AV_PIX_FMT_FLAG_ALPHA) != 0;
  const int colours = layout.palette ? 3 : d->nb_components - (alpha ? 1 : 0);
  layout.grey = colours == 1;
  if (alpha || layout.palette) layout.alpha_component = colours;
  if (layout.floating && ((d->flags & AV_PIX_FMT_FLAG_BE) || d->comp[0].depth != 32)) {
    return Unsupported("pixel format '" + name + "' can't be converted to RGB");
  }
  int depth = 0;
  for (int c = 0; c < colours && !layout.palette; ++c) depth = std::max(depth, d->comp[c].depth);
  layout.depth = layout.floating ? 16 : std::clamp(depth, 8, 16);
  layout.subsample_w = layout.grey ? 0 : d->log2_chroma_w;
  layout.subsample_h = layout.grey ? 0 : d->log2_chroma_h;
  layout.direct = !layout.palette && !layout.grey && IsNativePlanar(*d, colours, depth);
  return layout;
}

PlaneSet::PlaneSet(int width, int height, const PixelLayout& layout)
    : width_(CeilShift(width, layout.subsample_w) << layout.subsample_w),
      height_(CeilShift(height, layout.subsample_h) << layout.subsample_h),
      chroma_width_(width_ >> layout.subsample_w),
      chroma_height_(height_ >> layout.subsample_h) {
  for (int p = 0; p < 3; ++p) {
    strides_[p] = (static_cast<ptrdiff_t>(plane_width(p)) * 2 + 63) / 64 * 64;
    planes_[p] = AlignedBuffer<uint16_t>(static_cast<size_t>(strides_[p]) / 2 * plane_height(p));
  }
}

void UnpackPlanes(const AVFrame& frame, const PixelLayout& layout, PlaneSet* planes) {
  for (int p = 0; p < 3; ++p) {
    const int width = p == 0 ? frame.width : CeilShift(frame.width, layout.subsample_w);
    const int height = p == 0 ? frame.height : CeilShift(frame.height, layout.subsample_h);
    const int padded = planes->plane_width(p);
    for (int y = 0; y < height; ++y) {
      uint16_t* line = planes->row(p, y);
      if (layout.grey && p > 0) {
        std::fill(line, line + padded, static_cast<uint16_t>(1 << (layout.depth - 1)));
        continue;
      }
      ReadLine(frame, layout, p, y, width, line);
      const int depth = layout.palette ? 8 : layout.descriptor->comp[p].depth;
      if (depth < 8) Widen(line, width, depth);
      // Monochrome formats may store white as 0.
      if (layout.format == AV_PIX_FMT_MONOWHITE) {
        for (int x = 0; x < width; ++x) line[x] = static_cast<uint16_t>(255 - line[x]);
      }
      std::fill(line + width, line + padded, line[width - 1]);
    }
    for (int y = height; y < planes->plane_height(p); ++y) {
      std::memcpy(planes->row(p, y), planes->row(p, height - 1), padded * sizeof(uint16_t));
    }
  }
}

void PackPlanes(PlaneSet* planes, const PixelLayout& layout, AVFrame* frame) {
  const int components = layout.grey ? 1 : 3;
  for (int p = 0; p < components; ++p) {
    const int width = p == 0 ? frame->width : CeilShift(frame->width, layout.subsample_w);
    const int height = p == 0 ? frame->height : CeilShift(frame->height, layout.subsample_h);
    const int depth = layout.descriptor->comp[p].depth;
    for (int y = 0; y < height; ++y) {
      uint16_t* line = planes->row(p, y);
      if (depth < 8) {
        const int top = (1 << depth) - 1;
        for (int x = 0; x < width; ++x) {
          line[x] = static_cast<uint16_t>((line[x] * top + 127) / 255);
        }
      }
      av_write_image_line2(line, frame->data, frame->linesize, layout.descriptor, 0, y, p, width,
                           2);
    }
  }
}

int OpaqueValue(const PixelLayout& layout) {
  const int depth = layout.palette    ? 8
                    : layout.floating ? 16
                                      : layout.descriptor->comp[layout.alpha_component].depth;
  return (1 << depth) - 1;
}

void ReadAlphaRow(const AVFrame& frame, const PixelLayout& layout, int y, uint16_t* row) {
  ReadLine(frame, layout, layout.alpha_component, y, frame.width, row);
}

void WriteAlphaRow(const uint16_t* row, const PixelLayout& layout, int y, AVFrame* frame) {
  av_write_image_line2(row, frame->data, frame->linesize, layout.descriptor, 0, y,
                       layout.alpha_component, frame->width, 2);
}

bool IsOpaque(const AVFrame& frame, const PixelLayout& layout) {
  if (layout.alpha_component < 0) return true;
  const int opaque = OpaqueValue(layout);
  std::vector<uint16_t> row(frame.width);
  for (int y = 0; y < frame.height; ++y) {
    ReadAlphaRow(frame, layout, y, row.data());
    for (const uint16_t value : row) {
      if (value != opaque) return false;
    }
  }
  return true;
}

void FillOpaque(const PixelLayout& layout, AVFrame* frame) {
  if (layout.alpha_component < 0) return;
  const std::vector<uint16_t> row(frame->width, static_cast<uint16_t>(OpaqueValue(layout)));
  for (int y = 0; y < frame->height; ++y) WriteAlphaRow(row.data(), layout, y, frame);
}

}  // namespace octoscale
