// FFmpeg's stream structures as plain data. Included only by the .cc files of this folder.
#pragma once

#include <cstdint>
#include <string>

#include "video/libav.h"
#include "video/media_info.h"

namespace octoscale {

StreamKind KindOf(const AVStream& stream);
// A value of the stream's metadata; empty when absent.
std::string MetadataValue(const AVDictionary* metadata, const char* key);
ColourTags ColourTagsOf(const AVFrame& frame);

// Everything that headers tell about the file. `decoder` and `first` (the first picture) refine the
// description of video stream `index`.
MediaInfo DescribeMedia(const std::string& path, AVFormatContext& context, int index,
                        const AVCodecContext& decoder, const AVFrame& first);

}  // namespace octoscale
