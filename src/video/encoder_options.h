// EncoderOptions in the words of each encoder. Included only by the .cc files of this folder.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "video/libav.h"
#include "video/picture.h"
#include "video/video_reader_impl.h"
#include "video/video_writer.h"

namespace octoscale {

// The encoder runs on a graphics card or another device.
bool NeedsHardware(const AVCodec& codec);

using Leftovers = std::vector<std::pair<std::string, std::string>>;

// One of the encoders that share libavcodec's mpegvideo: MPEG-1, 2 and 4, MJPEG and others.
bool IsMpegVideo(const AVCodecContext& codec);

// Sets everything but the picture format on a context that isn't open yet. `leftovers`: extra
// options that the encoder doesn't know. Errors: InvalidArgument (an option that it refuses, by
// name), Unsupported (a rate cap that it can't keep).
Status ApplyEncoderOptions(const VideoReader::Impl& source, const EncoderOptions& options,
                           const PictureFormat& format, AVCodecContext* codec,
                           Leftovers* leftovers);

}  // namespace octoscale
