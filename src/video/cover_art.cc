#include "video/cover_art.h"

namespace octoscale {

CoverFile CoverFileFor(AVCodecID codec) {
  switch (codec) {
    case AV_CODEC_ID_MJPEG:
      return {"cover.jpg", "image/jpeg"};
    case AV_CODEC_ID_PNG:
      return {"cover.png", "image/png"};
    case AV_CODEC_ID_BMP:
      return {"cover.bmp", "image/bmp"};
    case AV_CODEC_ID_GIF:
      return {"cover.gif", "image/gif"};
    case AV_CODEC_ID_TIFF:
      return {"cover.tiff", "image/tiff"};
    case AV_CODEC_ID_WEBP:
      return {"cover.webp", "image/webp"};
    default:
      return {"cover", "application/octet-stream"};
  }
}

bool HoldsCover(const Container& container, AVCodecID codec) {
  return container.kind == ContainerKind::kMp4 &&
         (codec == AV_CODEC_ID_MJPEG || codec == AV_CODEC_ID_PNG || codec == AV_CODEC_ID_BMP);
}

}  // namespace octoscale
