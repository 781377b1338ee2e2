// WebP stills with libwebp; animations are src/video's.
#include <webp/decode.h>
#include <webp/demux.h>
#include <webp/encode.h>
#include <webp/mux.h>

#include <algorithm>
#include <memory>
#include <string>

#include "image/codecs.h"
#include "image/exif.h"
#include "image/image_upscaler.h"
#include "image/picture_kind.h"

namespace octoscale {
namespace {

template <typename T, void (*kFree)(T*)>
struct Deleter {
  void operator()(T* p) const { kFree(p); }
};
using DemuxerPtr = std::unique_ptr<WebPDemuxer, Deleter<WebPDemuxer, WebPDemuxDelete>>;
using MuxPtr = std::unique_ptr<WebPMux, Deleter<WebPMux, WebPMuxDelete>>;

// libwebp owns this memory.
struct WebpBytes {
  WebPData data = {};
  WebpBytes() { WebPDataInit(&data); }
  WebpBytes(const WebpBytes&) = delete;
  WebpBytes& operator=(const WebpBytes&) = delete;
  ~WebpBytes() { WebPDataClear(&data); }
};

struct Extras {
  std::vector<uint8_t> icc_profile;
  int orientation = 1;
};

std::vector<uint8_t> Chunk(const WebPDemuxer* demuxer, const char* name) {
  WebPChunkIterator chunk = {};
  std::vector<uint8_t> bytes;
  if (WebPDemuxGetChunk(demuxer, name, 1, &chunk)) {
    bytes.assign(chunk.chunk.bytes, chunk.chunk.bytes + chunk.chunk.size);
  }
  WebPDemuxReleaseChunkIterator(&chunk);
  return bytes;
}

Extras ReadExtras(std::span<const uint8_t> bytes) {
  Extras extras;
  const WebPData data = {bytes.data(), bytes.size()};
  const DemuxerPtr demuxer(WebPDemux(&data));
  if (!demuxer) return extras;
  extras.icc_profile = Chunk(demuxer.get(), "ICCP");
  if (!IsRgbIccProfile(extras.icc_profile)) extras.icc_profile.clear();
  std::vector<uint8_t> exif = Chunk(demuxer.get(), "EXIF");
  // The chunk holds the TIFF header alone, or what a JPEG's segment holds.
  static constexpr uint8_t kPrefix[] = {'E', 'x', 'i', 'f', 0, 0};
  if (!exif.empty() && exif[0] != 'E') {
    exif.insert(exif.begin(), std::begin(kPrefix), std::end(kPrefix));
  }
  extras.orientation = ExifOrientation(exif);
  return extras;
}

// One alpha sample a pixel of interleaved RGBA; nothing when all are opaque.
std::optional<AlphaPlane> AlphaFrom(const uint8_t* rgba, FrameSize size) {
  AlphaPlane alpha(size, SampleType::kU8);
  bool opaque = true;
  const size_t pixels = static_cast<size_t>(size.width) * size.height;
  uint8_t* out = alpha.row(0);
  for (size_t i = 0; i < pixels; ++i) {
    out[i] = rgba[4 * i + 3];
    opaque = opaque && out[i] == 255;
  }
  if (opaque) return std::nullopt;
  return alpha;
}

AlphaPlane UprightAlpha(const AlphaPlane& alpha, int orientation) {
  const Frame turned = Upright(AlphaAsFrame(alpha), orientation);
  AlphaPlane upright(turned.size(), alpha.type);
  for (int y = 0; y < turned.height(); ++y) {
    std::copy_n(turned.row(0, y), upright.stride_bytes(), upright.row(y));
  }
  return upright;
}

std::vector<uint8_t> Interleave(const ImageView& image) {
  const Frame& frame = *image.frame;
  const bool deep = frame.sample_type() == SampleType::kU16;
  const auto to_byte = [](uint32_t value) { return static_cast<uint8_t>((value + 128) / 257); };
  std::vector<uint8_t> rgba(static_cast<size_t>(frame.width()) * frame.height() * 4);
  uint8_t* out = rgba.data();
  for (int y = 0; y < frame.height(); ++y) {
    const uint8_t* alpha = image.alpha ? image.alpha->row(y) : nullptr;
    for (int x = 0; x < frame.width(); ++x) {
      for (int p = 0; p < Frame::kPlanes; ++p) {
        *out++ = deep ? to_byte(frame.row16(p, y)[x]) : frame.row(p, y)[x];
      }
      *out++ = alpha == nullptr ? 255
               : deep           ? to_byte(reinterpret_cast<const uint16_t*>(alpha)[x])
                                : alpha[x];
    }
  }
  return rgba;
}

}  // namespace

bool LooksLikeWebp(std::span<const uint8_t> bytes) {
  return IsWebp({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

Result<Image> DecodeWebp(std::span<const uint8_t> bytes, const ImageLimits& limits) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(bytes.data(), bytes.size(), &features) != VP8_STATUS_OK) {
    return CorruptInput("damaged WebP: its header can't be read");
  }
  OCTO_RETURN_IF_ERROR(CheckImageSize("WebP", features.width, features.height, limits));
  if (features.has_animation) {
    return Unsupported("this WebP is an animation; its output must be a video");
  }
  const FrameSize size{features.width, features.height};
  const size_t stride = static_cast<size_t>(size.width) * 4;
  std::vector<uint8_t> rgba(stride * size.height);
  if (WebPDecodeRGBAInto(bytes.data(), bytes.size(), rgba.data(), rgba.size(),
                         static_cast<int>(stride)) == nullptr) {
    return CorruptInput("damaged WebP: it is truncated or its data make no sense");
  }
  Image image;
  image.format = ImageFormat::kWebp;
  image.frame = Frame(size, SampleType::kU8);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      for (int p = 0; p < Frame::kPlanes; ++p) {
        image.frame.row(p, y)[x] = rgba[stride * y + 4 * x + p];
      }
    }
  }
  if (features.has_alpha) image.alpha = AlphaFrom(rgba.data(), size);
  Extras extras = ReadExtras(bytes);
  image.icc_profile = std::move(extras.icc_profile);
  if (extras.orientation != 1) {
    image.frame = Upright(std::move(image.frame), extras.orientation);
    if (image.alpha) image.alpha = UprightAlpha(*image.alpha, extras.orientation);
  }
  return image;
}

Result<std::vector<uint8_t>> EncodeWebp(const ImageView& image) {
  OCTO_RETURN_IF_ERROR(CheckImageView(image));
  const FrameSize size = image.frame->size();
  if (size.width > WEBP_MAX_DIMENSION || size.height > WEBP_MAX_DIMENSION) {
    return InvalidArgument("a WebP picture has at most " + std::to_string(WEBP_MAX_DIMENSION) +
                           " pixels a side, not " + std::to_string(size.width) + "x" +
                           std::to_string(size.height) + "; write a .png");
  }
  const std::vector<uint8_t> rgba = Interleave(image);
  WebpBytes picture;
  uint8_t* encoded = nullptr;
  picture.data.size =
      WebPEncodeLosslessRGBA(rgba.data(), size.width, size.height, size.width * 4, &encoded);
  picture.data.bytes = encoded;
  if (picture.data.size == 0) return ResourceExhausted("not enough memory to encode the picture");
  WebpBytes file;
  const MuxPtr mux(WebPMuxNew());
  const WebPData profile = {image.icc_profile.data(), image.icc_profile.size()};
  bool ok = mux && WebPMuxSetImage(mux.get(), &picture.data, 0) == WEBP_MUX_OK;
  if (ok && profile.size > 0) {
    ok = WebPMuxSetChunk(mux.get(), "ICCP", &profile, 0) == WEBP_MUX_OK;
  }
  ok = ok && WebPMuxAssemble(mux.get(), &file.data) == WEBP_MUX_OK;
  if (!ok) return ResourceExhausted("not enough memory to encode the picture");
  return std::vector<uint8_t>(file.data.bytes, file.data.bytes + file.data.size);
}

}  // namespace octoscale
