// Inside of Picture. Included only by the .cc files of this folder.
#pragma once

#include <memory>
#include <utility>

#include "video/libav.h"
#include "video/picture.h"

namespace octoscale {

struct Picture::Impl {
  AvFramePtr frame;
  FrameTime time;
};

inline Picture MakePicture(AvFramePtr frame, FrameTime time) {
  auto impl = std::make_unique<Picture::Impl>();
  impl->frame = std::move(frame);
  impl->time = time;
  return Picture(std::move(impl));
}

}  // namespace octoscale
