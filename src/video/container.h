// Output containers by file extension. Included only by the .cc files of this folder.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "video/libav.h"
#include "video/media_info.h"

namespace octoscale {

enum class ContainerKind { kMp4, kMov, kMatroska, kWebm };

struct Container {
  ContainerKind kind = ContainerKind::kMp4;
  const AVOutputFormat* format = nullptr;
  std::string extension;  // lower case, without the dot
  bool is_mov_family() const { return kind == ContainerKind::kMp4 || kind == ContainerKind::kMov; }
  // Whether the muxer takes streams of this codec.
  bool Holds(AVCodecID codec) const;
};

// By the path's extension: mp4, m4v, mov, mkv, webm. Others are InvalidArgument.
Result<Container> ContainerFor(const std::string& path);

// What is done to pictures before they go into the container: nothing where it can ask viewers to
// do it. And their pixel aspect then.
Orientation TurnInto(const Container& container, const VideoStreamInfo& video);
Rational TurnedAspect(const Container& container, const VideoStreamInfo& video);

// A video encoder by FFmpeg name that the container can hold. Errors: InvalidArgument, with the
// encoders that could be asked for.
Result<const AVCodec*> FindVideoEncoder(const std::string& name, const Container& container);

}  // namespace octoscale
