// Pictures that players show as covers. Included only by the .cc files of this folder.
#pragma once

#include "video/container.h"
#include "video/libav.h"

namespace octoscale {

// What a cover is called where it is an attached file.
struct CoverFile {
  const char* name;  // "cover.png"
  const char* mime_type;
};
CoverFile CoverFileFor(AVCodecID codec);

// Whether the container keeps covers of this codec as streams, as MP4 does.
bool HoldsCover(const Container& container, AVCodecID codec);

}  // namespace octoscale
