#include "video/container.h"

#include <algorithm>
#include <cctype>

#include "base/partial_file.h"
#include "video/video_writer.h"

namespace octoscale {
namespace {

struct KnownExtension {
  const char* extension;
  ContainerKind kind;
  const char* muxer;
};

constexpr KnownExtension kExtensions[] = {
    {"mp4", ContainerKind::kMp4, "mp4"},    {"m4v", ContainerKind::kMp4, "mp4"},
    {"mov", ContainerKind::kMov, "mov"},    {"mkv", ContainerKind::kMatroska, "matroska"},
    {"webm", ContainerKind::kWebm, "webm"},
};

std::string ExtensionOf(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  const size_t dot = name.rfind('.');
  std::string extension = dot == std::string::npos ? "" : name.substr(dot + 1);
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension;
}

}  // namespace

bool Container::Holds(AVCodecID codec) const {
  return avformat_query_codec(format, codec, FF_COMPLIANCE_NORMAL) == 1;
}

Result<Container> ContainerFor(const std::string& path) {
  CaptureAvLog();
  const std::string extension = ExtensionOf(path);
  for (const KnownExtension& known : kExtensions) {
    if (extension != known.extension) continue;
    const AVOutputFormat* format = av_guess_format(known.muxer, nullptr, nullptr);
    if (format == nullptr) {
      return Unsupported("this FFmpeg was built without the muxer '" + std::string(known.muxer) +
                         "'");
    }
    return Container{known.kind, format, extension};
  }
  return InvalidArgument(path + ": " +
                         (extension.empty() ? "no extension" : "extension '" + extension + "'") +
                         "; expected one of mp4, m4v, mov, mkv, webm");
}

Orientation TurnInto(const Container& container, const VideoStreamInfo& video) {
  return container.is_mov_family() ? Orientation() : video.orientation;
}

Rational TurnedAspect(const Container& container, const VideoStreamInfo& video) {
  const Rational aspect = video.sample_aspect;
  if (!TurnInto(container, video).swaps_sides() || aspect.num == 0) return aspect;
  return {aspect.den, aspect.num};
}

Orientation TurnBeforeWriting(const VideoReader& source, const std::string& output_path) {
  const Result<Container> container = ContainerFor(output_path);
  return container.ok() ? TurnInto(*container, source.info().video) : Orientation();
}

std::vector<std::string> VideoEncodersFor(const std::string& extension) {
  std::vector<std::string> names;
  const Result<Container> container = ContainerFor("x." + extension);
  if (!container.ok()) return names;
  void* position = nullptr;
  while (const AVCodec* codec = av_codec_iterate(&position)) {
    const int unwanted = AV_CODEC_CAP_HARDWARE | AV_CODEC_CAP_HYBRID | AV_CODEC_CAP_EXPERIMENTAL;
    if (!av_codec_is_encoder(codec) || codec->type != AVMEDIA_TYPE_VIDEO) continue;
    if ((codec->capabilities & unwanted) != 0 || !container->Holds(codec->id)) continue;
    names.push_back(codec->name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> EncodersInsteadOf(const std::string& wanted,
                                           const std::string& extension) {
  std::vector<std::string> names;
  const Result<Container> container = ContainerFor("x." + extension);
  if (!container.ok()) return names;
  const AVCodecDescriptor* format =
      avcodec_descriptor_get_by_name(wanted.substr(0, wanted.find('_')).c_str());
  const AVCodecID same = format == nullptr ? AV_CODEC_ID_NONE : format->id;
  for (const char* name : {"libx264", "libx265", "libsvtav1", "libaom-av1", "libvpx-vp9", "libvpx",
                           "ffv1", "prores_ks", "mpeg4"}) {
    const AVCodec* codec = avcodec_find_encoder_by_name(name);
    if (codec == nullptr || !container->Holds(codec->id)) continue;
    names.emplace_back(name);
  }
  std::stable_partition(names.begin(), names.end(), [same](const std::string& name) {
    return avcodec_find_encoder_by_name(name.c_str())->id == same;
  });
  return names;
}

Result<const AVCodec*> FindVideoEncoder(const std::string& name, const Container& container) {
  const AVCodec* codec = avcodec_find_encoder_by_name(name.c_str());
  const std::string available = "; for ." + container.extension + " there are: " +
                                JoinNames(EncodersInsteadOf(name, container.extension));
  if (codec == nullptr || codec->type != AVMEDIA_TYPE_VIDEO) {
    return InvalidArgument("'" + name + "' is not a video encoder of this FFmpeg" + available);
  }
  if (!container.Holds(codec->id)) {
    return InvalidArgument("a ." + container.extension + " file can't hold what encoder '" + name +
                           "' makes" + available);
  }
  return codec;
}

Status CheckOutput(const std::string& input_path, const std::string& output_path,
                   const WriterOptions& options) {
  OCTO_ASSIGN_OR_RETURN(const Container container, ContainerFor(output_path));
  OCTO_RETURN_IF_ERROR(CheckOutputPath(input_path, output_path, options.overwrite));
  return FindVideoEncoder(options.encoder.codec, container).status();
}

}  // namespace octoscale
