#include "planner/mosaic.h"

#include <algorithm>
#include <cstring>

namespace octoscale {
namespace {

void CopyPart(const Frame& from, int left, int top, FrameSize size, int to_left, int to_top,
              Frame* to) {
  const int bytes = SampleBytes(from.sample_type());
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    for (int y = 0; y < size.height; ++y) {
      std::memcpy(to->row(plane, to_top + y) + to_left * bytes,
                  from.row(plane, top + y) + left * bytes, static_cast<size_t>(size.width) * bytes);
    }
  }
}

}  // namespace

Frame Middle(const Frame& frame, FrameSize most) {
  const FrameSize size{std::min(most.width, frame.width()), std::min(most.height, frame.height())};
  Frame middle(size, frame.sample_type());
  CopyPart(frame, (frame.width() - size.width) / 2, (frame.height() - size.height) / 2, size, 0, 0,
           &middle);
  return middle;
}

Frame Mosaic(const Frame& frame, FrameSize tile) {
  const FrameSize size{tile.width * kMosaicTiles, tile.height * kMosaicTiles};
  if (frame.width() <= size.width || frame.height() <= size.height) return Middle(frame, size);
  const auto middle = [](int all, int tile_size, int i) {
    return (all * (2 * i + 1) / kMosaicTiles - tile_size) / 2;
  };
  Frame mosaic(size, frame.sample_type());
  for (int row = 0; row < kMosaicTiles; ++row) {
    for (int column = 0; column < kMosaicTiles; ++column) {
      CopyPart(frame, middle(frame.width(), tile.width, column),
               middle(frame.height(), tile.height, row), tile, tile.width * column,
               tile.height * row, &mosaic);
    }
  }
  return mosaic;
}

}  // namespace octoscale
