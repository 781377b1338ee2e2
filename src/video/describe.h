// FFmpeg's stream structures as plain data. Included only by the .cc files of this folder.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "video/libav.h"
#include "video/media_info.h"

namespace octoscale {

StreamKind KindOf(const AVStream& stream);
// A value of the stream's metadata; empty when absent.
std::string MetadataValue(const AVDictionary* metadata, const char* key);
ColourTags ColourTagsOf(const AVFrame& frame);

// Rows of a 3x3 matrix on row vectors (x, y, 1), as libavutil/display.h has them: the third column
// in 2.30 fixed point, the others in 16.16.
using DisplayMatrix = std::array<int32_t, 9>;
// What viewers are asked to do with the pictures: by the container or, failing that, by the first
// picture itself (SEI of H.264 and HEVC, EXIF of JPEG).
std::optional<DisplayMatrix> DisplayMatrixOf(const AVStream& stream, const AVFrame& first);

// Everything that headers tell about the file. `decoder` and `first` (the first picture) refine the
// description of video stream `index`.
MediaInfo DescribeMedia(const std::string& path, AVFormatContext& context, int index,
                        const AVCodecContext& decoder, const AVFrame& first);

}  // namespace octoscale
