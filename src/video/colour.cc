#include "video/colour.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "video/colour_internal.h"
#include "video/describe.h"
#include "video/picture_impl.h"
#include "video/planes.h"
#include "video/zimg_graph.h"

namespace octoscale {
namespace {

constexpr int kMatrixRgb = 0;
constexpr int kMatrix709 = 1;
constexpr int kMatrixUnspecified = 2;
constexpr int kMatrix601 = 6;
constexpr int kUntaggedHdLines = 720;  // BT.709 from here

// The matrices of H.273 that turn Y'CbCr into R'G'B' without knowing the transfer function.
bool IsPlainMatrix(int matrix) { return matrix == 1 || (matrix >= 4 && matrix <= 9); }

Status CheckMatrix(int matrix) {
  if (matrix == kMatrixRgb || IsPlainMatrix(matrix)) return OkStatus();
  return Unsupported("colour matrix '" +
                     std::string(av_color_space_name(static_cast<AVColorSpace>(matrix))) +
                     "' is not supported; convert the video to BT.709 or BT.2020 "
                     "non-constant luminance first");
}

zimg_image_format RgbFormat(int width, int height, SampleType type) {
  zimg_image_format format;
  zimg_image_format_default(&format, ZIMG_API_VERSION);
  format.width = width;
  format.height = height;
  format.pixel_type = type == SampleType::kU8 ? ZIMG_PIXEL_BYTE : ZIMG_PIXEL_WORD;
  format.depth = type == SampleType::kU8 ? 8 : 16;
  format.color_family = ZIMG_COLOR_RGB;
  format.matrix_coefficients = ZIMG_MATRIX_RGB;
  format.pixel_range = ZIMG_RANGE_FULL;
  return format;
}

zimg_image_format CodecFormat(int width, int height, const PixelLayout& layout, bool words,
                              const ColourTags& tags) {
  zimg_image_format format;
  zimg_image_format_default(&format, ZIMG_API_VERSION);
  format.width = width;
  format.height = height;
  format.subsample_w = layout.subsample_w;
  format.subsample_h = layout.subsample_h;
  format.pixel_type = words ? ZIMG_PIXEL_WORD : ZIMG_PIXEL_BYTE;
  format.depth = layout.depth;
  format.color_family = layout.rgb ? ZIMG_COLOR_RGB : ZIMG_COLOR_YUV;
  format.matrix_coefficients = static_cast<zimg_matrix_coefficients_e>(tags.matrix);
  format.pixel_range = tags.range == ColourRange::kFull ? ZIMG_RANGE_FULL : ZIMG_RANGE_LIMITED;
  if (tags.chroma_location > 0) {
    format.chroma_location = static_cast<zimg_chroma_location_e>(tags.chroma_location - 1);
  }
  return format;
}

ZimgPlanes PlanesOf(Frame* frame) {
  ZimgPlanes planes;
  for (int p = 0; p < 3; ++p) {
    planes.data[p] = frame->row(p, 0);
    planes.stride_bytes[p] = frame->stride_bytes();
  }
  return planes;
}

ZimgPlanes PlanesOf(PlaneSet* set) {
  ZimgPlanes planes;
  for (int p = 0; p < 3; ++p) {
    planes.data[p] = set->row(p, 0);
    planes.stride_bytes[p] = set->stride_bytes(p);
  }
  return planes;
}

ZimgPlanes PlanesOf(const AVFrame& frame, const PixelLayout& layout) {
  ZimgPlanes planes;
  for (int c = 0; c < 3; ++c) {
    const int plane = layout.descriptor->comp[c].plane;
    planes.data[c] = frame.data[plane];
    planes.stride_bytes[c] = frame.linesize[plane];
  }
  return planes;
}

bool IsAligned(const ZimgPlanes& planes) {
  constexpr uintptr_t kMask = 31;
  for (int p = 0; p < 3; ++p) {
    if ((reinterpret_cast<uintptr_t>(planes.data[p]) & kMask) != 0) return false;
    if ((static_cast<uintptr_t>(planes.stride_bytes[p]) & kMask) != 0) return false;
  }
  return true;
}

bool IsWholeChroma(int width, int height, const PixelLayout& layout) {
  return (width & ((1 << layout.subsample_w) - 1)) == 0 &&
         (height & ((1 << layout.subsample_h) - 1)) == 0;
}

// Copies with the last column and row repeated into the padding, or cuts the padding off.
void CopyPadded(const Frame& in, Frame* out) {
  const int bytes = SampleBytes(in.sample_type());
  const int width = std::min(in.width(), out->width());
  for (int p = 0; p < Frame::kPlanes; ++p) {
    for (int y = 0; y < out->height(); ++y) {
      const uint8_t* source = in.row(p, std::min(y, in.height() - 1));
      uint8_t* target = out->row(p, y);
      std::memcpy(target, source, static_cast<size_t>(width) * bytes);
      for (int x = width; x < out->width(); ++x) {
        std::memcpy(target + static_cast<ptrdiff_t>(x) * bytes,
                    source + static_cast<ptrdiff_t>(in.width() - 1) * bytes, bytes);
      }
    }
  }
}

}  // namespace

ColourTags ResolveColour(const ColourTags& tags, int lines, bool rgb) {
  ColourTags resolved = tags;
  if (rgb) {
    resolved.matrix = kMatrixRgb;
  } else if (tags.matrix == kMatrixRgb || tags.matrix == kMatrixUnspecified || tags.matrix == 3 ||
             tags.matrix > 14) {
    resolved.matrix = lines < kUntaggedHdLines ? kMatrix601 : kMatrix709;
  }
  if (tags.range == ColourRange::kUnknown) {
    resolved.range = rgb ? ColourRange::kFull : ColourRange::kLimited;
  }
  return resolved;
}

ColourTags SourceColour(const ColourTags& tags, const PixelLayout& layout, int lines) {
  ColourTags source = tags;
  if (layout.full_range_by_name || layout.rgb) source.range = ColourRange::kFull;
  if (layout.grey && source.range == ColourRange::kUnknown) source.range = ColourRange::kFull;
  return ResolveColour(source, lines, layout.rgb);
}

Result<std::optional<AlphaPlane>> AlphaOf(const Picture& picture, SampleType type) {
  const AVFrame& source = *picture.impl().frame;
  OCTO_ASSIGN_OR_RETURN(const PixelLayout layout,
                        LayoutOf(static_cast<AVPixelFormat>(source.format)));
  if (layout.alpha_component < 0) return std::optional<AlphaPlane>();
  AlphaPlane alpha(picture.size(), type);
  const uint32_t from = OpaqueValue(layout);
  const uint32_t to = type == SampleType::kU8 ? 255 : 65535;
  std::vector<uint16_t> row(source.width);
  for (int y = 0; y < source.height; ++y) {
    ReadAlphaRow(source, layout, y, row.data());
    for (int x = 0; x < source.width; ++x) {
      const uint32_t value = (std::min<uint32_t>(row[x], from) * to + from / 2) / from;
      if (type == SampleType::kU8) alpha.row(y)[x] = static_cast<uint8_t>(value);
      if (type == SampleType::kU16) {
        reinterpret_cast<uint16_t*>(alpha.row(y))[x] = static_cast<uint16_t>(value);
      }
    }
  }
  return std::optional<AlphaPlane>(std::move(alpha));
}

struct ColourToRgb::Impl {
  // What the graph was built for.
  struct Key {
    int format = AV_PIX_FMT_NONE;
    int width = 0;
    int height = 0;
    bool direct = false;
    ColourTags tags;
    bool operator==(const Key&) const = default;
  };

  Status Rebuild(const Key& wanted, const PixelLayout& layout) {
    OCTO_RETURN_IF_ERROR(CheckMatrix(wanted.tags.matrix));
    const PlaneSet shape(wanted.width, wanted.height, layout);
    const bool words = !wanted.direct || layout.depth > 8;
    OCTO_ASSIGN_OR_RETURN(graph, ZimgGraph::Build(CodecFormat(shape.width(), shape.height(), layout,
                                                              words, wanted.tags),
                                                  RgbFormat(shape.width(), shape.height(), type)));
    padded = {shape.width(), shape.height()};
    key = wanted;
    return OkStatus();
  }

  SampleType type;
  bool drop_alpha;
  Key key;
  FrameSize padded;
  std::unique_ptr<ZimgGraph> graph;
};

ColourToRgb::ColourToRgb(SampleType type, bool drop_alpha) : impl_(std::make_unique<Impl>()) {
  impl_->type = type;
  impl_->drop_alpha = drop_alpha;
}
ColourToRgb::~ColourToRgb() = default;

Result<Frame> ColourToRgb::Convert(const Picture& picture) {
  const AVFrame& source = *picture.impl().frame;
  OCTO_ASSIGN_OR_RETURN(const PixelLayout layout,
                        LayoutOf(static_cast<AVPixelFormat>(source.format)));
  if (!impl_->drop_alpha && !IsOpaque(source, layout)) {
    return Unsupported(
        "the video has transparent pixels (pixel format '" + std::string(layout.descriptor->name) +
        "'), which the output can't hold; add --drop-alpha to ignore it, or take an encoder "
        "that keeps it: ffv1 (.mkv), libvpx-vp9 (.mkv, .webm), prores_ks or png (.mov)");
  }
  Impl::Key key{source.format, source.width, source.height, layout.direct, ColourTagsOf(source)};
  key.tags = SourceColour(key.tags, layout, source.height);
  key.direct = layout.direct && IsWholeChroma(source.width, source.height, layout) &&
               IsAligned(PlanesOf(source, layout));
  if (!(key == impl_->key)) OCTO_RETURN_IF_ERROR(impl_->Rebuild(key, layout));

  Frame frame(impl_->padded, impl_->type);
  if (key.direct) {
    OCTO_RETURN_IF_ERROR(impl_->graph->Process(PlanesOf(source, layout), PlanesOf(&frame)));
  } else {
    PlaneSet planes(source.width, source.height, layout);
    UnpackPlanes(source, layout, &planes);
    OCTO_RETURN_IF_ERROR(impl_->graph->Process(PlanesOf(&planes), PlanesOf(&frame)));
  }
  if (impl_->padded == picture.size()) return frame;
  Frame cut(picture.size(), impl_->type);
  CopyPadded(frame, &cut);
  return cut;
}

struct ColourFromRgb::Impl {
  Status Rebuild(SampleType sample_type) {
    const auto pixel_format = av_get_pix_fmt(format.pixel_format.c_str());
    OCTO_ASSIGN_OR_RETURN(layout, LayoutOf(pixel_format));
    if (layout.palette || layout.floating) {
      return Unsupported("pixel format '" + format.pixel_format + "' can't be encoded from RGB");
    }
    OCTO_RETURN_IF_ERROR(CheckMatrix(format.colour.matrix));
    const PlaneSet shape(format.size.width, format.size.height, layout);
    padded = {shape.width(), shape.height()};
    OCTO_ASSIGN_OR_RETURN(
        graph, ZimgGraph::Build(RgbFormat(padded.width, padded.height, sample_type),
                                CodecFormat(padded.width, padded.height, layout,
                                            !layout.direct || layout.depth > 8, format.colour)));
    type = sample_type;
    return OkStatus();
  }

  Result<AvFramePtr> NewFrame() const {
    AvFramePtr frame = NewAvFrame();
    frame->format = layout.format;
    frame->width = format.size.width;
    frame->height = format.size.height;
    const int error = av_frame_get_buffer(frame.get(), 64);
    if (error < 0) return AvStatus(error, "allocating a picture");
    // FFmpeg's line writer ORs samples into what is there.
    if (!layout.direct || layout.alpha_component >= 0) {
      for (AVBufferRef* buffer : frame->buf) {
        if (buffer != nullptr) std::memset(buffer->data, 0, buffer->size);
      }
    }
    frame->colorspace = static_cast<AVColorSpace>(format.colour.matrix);
    frame->color_primaries = static_cast<AVColorPrimaries>(format.colour.primaries);
    frame->color_trc = static_cast<AVColorTransferCharacteristic>(format.colour.transfer);
    frame->chroma_location = static_cast<AVChromaLocation>(format.colour.chroma_location);
    frame->color_range =
        format.colour.range == ColourRange::kFull ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    frame->interlaced_frame = format.interlaced;
    frame->top_field_first = format.top_field_first;
    return frame;
  }

  PictureFormat format;
  PixelLayout layout;
  FrameSize padded;
  std::optional<SampleType> type;
  std::unique_ptr<ZimgGraph> graph;
};

ColourFromRgb::ColourFromRgb(const PictureFormat& format) : impl_(std::make_unique<Impl>()) {
  impl_->format = format;
}
ColourFromRgb::~ColourFromRgb() = default;

namespace {

void WriteAlpha(const AlphaPlane& alpha, const PixelLayout& layout, AVFrame* frame) {
  const uint32_t from = alpha.type == SampleType::kU8 ? 255 : 65535;
  const uint32_t to = OpaqueValue(layout);
  std::vector<uint16_t> row(frame->width);
  for (int y = 0; y < frame->height; ++y) {
    for (int x = 0; x < frame->width; ++x) {
      const uint32_t value = alpha.type == SampleType::kU8
                                 ? alpha.row(y)[x]
                                 : reinterpret_cast<const uint16_t*>(alpha.row(y))[x];
      row[x] = static_cast<uint16_t>((value * to + from / 2) / from);
    }
    WriteAlphaRow(row.data(), layout, y, frame);
  }
}

}  // namespace

Result<Picture> ColourFromRgb::Convert(const Frame& frame, FrameTime time,
                                       const AlphaPlane* alpha) {
  if (frame.size() != impl_->format.size ||
      (alpha != nullptr && alpha->size != impl_->format.size)) {
    return Internal("a frame of another size than the encoder's reached it");
  }
  if (impl_->type != frame.sample_type()) {
    OCTO_RETURN_IF_ERROR(impl_->Rebuild(frame.sample_type()));
  }
  const PixelLayout& layout = impl_->layout;
  OCTO_ASSIGN_OR_RETURN(AvFramePtr target, impl_->NewFrame());

  const bool exact = impl_->padded == frame.size();
  Frame padded;
  if (!exact) {
    padded = Frame(impl_->padded, frame.sample_type());
    CopyPadded(frame, &padded);
  }
  // zimg only reads its source; its C structures are shared between both directions.
  const ZimgPlanes source = PlanesOf(const_cast<Frame*>(exact ? &frame : &padded));
  if (layout.direct) {
    // av_frame_get_buffer pads rows to 64 bytes and heights to 32 lines: room for whole chroma.
    OCTO_RETURN_IF_ERROR(impl_->graph->Process(source, PlanesOf(*target, layout)));
  } else {
    PlaneSet planes(frame.width(), frame.height(), layout);
    OCTO_RETURN_IF_ERROR(impl_->graph->Process(source, PlanesOf(&planes)));
    PackPlanes(&planes, layout, target.get());
  }
  if (alpha != nullptr && layout.alpha_component >= 0) {
    WriteAlpha(*alpha, layout, target.get());
  } else {
    FillOpaque(layout, target.get());
  }
  return MakePicture(std::move(target), time);
}

}  // namespace octoscale
