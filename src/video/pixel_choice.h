// Which pixel format an encoder gets. Included only by the .cc files of this folder.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "frame/frame.h"
#include "video/libav.h"

namespace octoscale {

struct PixelRequest {
  std::string name = "auto";  // or FFmpeg's name of a pixel format
  AVPixelFormat source = AV_PIX_FMT_NONE;
  FrameSize size;           // of the output
  bool hdr = false;         // 8-bit formats are refused
  bool keep_alpha = false;  // "auto" prefers a format that has it
};

// "auto": the format that loses least of the source's depth, chroma resolution and colour family,
// then the one that adds least. Odd sizes avoid subsampled chroma unless the encoder takes it.
// What is lost is added to `warnings`. Errors: InvalidArgument (with the encoder's formats),
// Unsupported (HDR with an 8-bit encoder).
Result<AVPixelFormat> ChoosePixelFormat(const AVCodec& encoder, const PixelRequest& request,
                                        std::vector<std::string>* warnings);

}  // namespace octoscale
