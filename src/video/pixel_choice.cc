#include "video/pixel_choice.h"

#include <algorithm>
#include <string_view>

#include "video/hardware_frames.h"
#include "video/planes.h"

namespace octoscale {
namespace {

// Encoders that crop or carry odd sizes with 4:2:0 or 4:2:2 chroma by themselves.
bool TakesOddSizes(std::string_view encoder) {
  for (const std::string_view name : {"ffv1", "libvpx", "libvpx-vp9", "libaom-av1", "ffvhuff",
                                      "rawvideo", "prores", "prores_ks", "prores_aw"}) {
    if (encoder == name) return true;
  }
  return false;
}

// Graphics cards encode H.264 with 8 bits, although their encoders list deeper formats.
bool TakesEightBits(const AVCodec& encoder) {
  const std::string_view name = encoder.name;
  return encoder.id == AV_CODEC_ID_H264 && (name.ends_with("_nvenc") || name.ends_with("_qsv"));
}

std::vector<AVPixelFormat> FormatsOf(const AVCodec& encoder) {
  std::vector<AVPixelFormat> formats;
  if (encoder.pix_fmts == nullptr) {
    // An encoder that takes anything: the common planar formats.
    return {AV_PIX_FMT_YUV420P,     AV_PIX_FMT_YUV422P,      AV_PIX_FMT_YUV444P,
            AV_PIX_FMT_YUV420P10LE, AV_PIX_FMT_YUV422P10LE,  AV_PIX_FMT_YUV444P10LE,
            AV_PIX_FMT_YUV444P16LE, AV_PIX_FMT_GBRP,         AV_PIX_FMT_GBRP16LE,
            AV_PIX_FMT_GRAY8,       AV_PIX_FMT_GRAY16LE,     AV_PIX_FMT_YUVA420P,
            AV_PIX_FMT_YUVA444P,    AV_PIX_FMT_YUVA444P16LE, AV_PIX_FMT_GBRAP,
            AV_PIX_FMT_GBRAP16LE};
  }
  if (TakesSurfacesOnly(encoder)) return UploadFormats(encoder);
  const bool full_range_only = std::string_view(encoder.name) == "mjpeg";
  for (const AVPixelFormat* format = encoder.pix_fmts; *format != AV_PIX_FMT_NONE; ++format) {
    const Result<PixelLayout> layout = LayoutOf(*format);
    if (!layout.ok() || layout->palette || layout->floating) continue;
    // Everybody takes JPEG for full range, so FFmpeg refuses to write other.
    if (full_range_only && !layout->full_range_by_name) continue;
    formats.push_back(*format);
  }
  return formats;
}

std::string NamesOf(const std::vector<AVPixelFormat>& formats) {
  std::vector<std::string> names;
  for (const AVPixelFormat format : formats) names.push_back(av_get_pix_fmt_name(format));
  return JoinNames(names);
}

bool IsOdd(const PixelLayout& layout, FrameSize size) {
  return (layout.subsample_w > 0 && size.width % (1 << layout.subsample_w) != 0) ||
         (layout.subsample_h > 0 && size.height % (1 << layout.subsample_h) != 0);
}

// Lower is better: what is lost counts in hundreds and thousands, what is added in ones and tens.
int Distance(const PixelLayout& source, const PixelLayout& candidate, bool keep_alpha, bool avoid) {
  int distance = avoid ? 1'000'000 : 0;
  const bool has_alpha = candidate.alpha_component >= 0;
  if (has_alpha != keep_alpha) distance += has_alpha ? 5 : 200'000;
  distance += candidate.depth < source.depth ? 2000 * (source.depth - candidate.depth)
                                             : 10 * (candidate.depth - source.depth);
  if (candidate.grey && !source.grey) return distance + 100'000;
  if (!candidate.grey && source.grey) distance += 15;
  const auto chroma = [](int from, int to) {
    return to > from ? 500 * (to - from) : 20 * (from - to);
  };
  if (!source.grey) {
    distance += chroma(source.subsample_w, candidate.subsample_w);
    distance += chroma(source.subsample_h, candidate.subsample_h);
  }
  if (source.rgb != candidate.rgb) distance += source.rgb ? 100 : 300;
  if (!candidate.direct) distance += 2;
  if (candidate.full_range_by_name) distance += 4;
  return distance;
}

Result<AVPixelFormat> ChooseNamed(const AVCodec& encoder, const std::string& name,
                                  const std::vector<AVPixelFormat>& formats) {
  const AVPixelFormat format = av_get_pix_fmt(name.c_str());
  const Result<PixelLayout> layout = format == AV_PIX_FMT_NONE
                                         ? Result<PixelLayout>(InvalidArgument("unknown"))
                                         : LayoutOf(format);
  const bool known = encoder.pix_fmts == nullptr
                         ? layout.ok() && !layout->palette && !layout->floating
                         : std::find(formats.begin(), formats.end(), format) != formats.end();
  if (known) return format;
  return InvalidArgument("encoder '" + std::string(encoder.name) + "' has no pixel format '" +
                         name + "'; it takes: " + NamesOf(formats));
}

}  // namespace

Result<AVPixelFormat> ChoosePixelFormat(const AVCodec& encoder, const PixelRequest& request,
                                        std::vector<std::string>* warnings) {
  const std::vector<AVPixelFormat> formats = FormatsOf(encoder);
  const std::string codec = encoder.name;
  OCTO_ASSIGN_OR_RETURN(const PixelLayout source, LayoutOf(request.source));
  AVPixelFormat chosen = AV_PIX_FMT_NONE;
  if (request.name != "auto" && !request.name.empty()) {
    OCTO_ASSIGN_OR_RETURN(chosen, ChooseNamed(encoder, request.name, formats));
  } else {
    int best = 0;
    for (const AVPixelFormat format : formats) {
      OCTO_ASSIGN_OR_RETURN(const PixelLayout layout, LayoutOf(format));
      const bool avoid = (IsOdd(layout, request.size) && !TakesOddSizes(codec)) ||
                         (layout.depth > 8 && TakesEightBits(encoder));
      const int distance = Distance(source, layout, request.keep_alpha, avoid);
      if (chosen != AV_PIX_FMT_NONE && distance >= best) continue;
      chosen = format;
      best = distance;
    }
    if (chosen == AV_PIX_FMT_NONE) {
      return Unsupported("encoder '" + codec + "' takes no pixel format that can be made from RGB");
    }
  }
  OCTO_ASSIGN_OR_RETURN(const PixelLayout layout, LayoutOf(chosen));
  const std::string name = av_get_pix_fmt_name(chosen);
  const std::string size =
      std::to_string(request.size.width) + "x" + std::to_string(request.size.height);
  if (IsOdd(layout, request.size) && !TakesOddSizes(codec)) {
    return InvalidArgument("encoder '" + codec + "' can't encode " + size + " pictures as " + name +
                           " (odd sizes need unsubsampled chroma); it takes: " + NamesOf(formats));
  }
  if (request.hdr && layout.depth < 10) {
    return Unsupported("the video is HDR and encoder '" + codec + "' with pixel format " + name +
                       " has " + std::to_string(layout.depth) +
                       " bits; choose a 10-bit pixel format or encoder (such as libx265)");
  }
  if (layout.depth < source.depth) {
    warnings->push_back("pixels are reduced from " + std::to_string(source.depth) + " to " +
                        std::to_string(layout.depth) + " bits: encoder '" + codec + "', " + name);
  }
  if (layout.subsample_w < source.subsample_w && IsOdd(source, request.size)) {
    warnings->push_back("odd size " + size + ": encoded as " + name + ", unsubsampled");
  }
  return chosen;
}

}  // namespace octoscale
