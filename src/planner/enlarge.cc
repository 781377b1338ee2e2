#include "planner/enlarge.h"

#include <algorithm>
#include <cstdint>

namespace octoscale {
namespace {

template <typename Sample>
void EnlargePlane(const Frame& frame, int plane, int scale, Frame* enlarged) {
  const int right_most = frame.width() - 1, lowest = frame.height() - 1;
  for (int y = 0; y < enlarged->height(); ++y) {
    const int top = y / scale, down = y % scale;
    const auto* above = reinterpret_cast<const Sample*>(frame.row(plane, top));
    const auto* below =
        reinterpret_cast<const Sample*>(frame.row(plane, std::min(top + 1, lowest)));
    auto* out = reinterpret_cast<Sample*>(enlarged->row(plane, y));
    for (int x = 0; x < enlarged->width(); ++x) {
      const int left = x / scale, across = x % scale;
      const int right = std::min(left + 1, right_most);
      const int64_t high = int64_t{above[left]} * (scale - across) + int64_t{above[right]} * across;
      const int64_t low = int64_t{below[left]} * (scale - across) + int64_t{below[right]} * across;
      out[x] = static_cast<Sample>((high * (scale - down) + low * down) / (scale * scale));
    }
  }
}

}  // namespace

Frame Enlarged(const Frame& frame, int scale) {
  Frame enlarged({frame.width() * scale, frame.height() * scale}, frame.sample_type());
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    if (frame.sample_type() == SampleType::kU8) {
      EnlargePlane<uint8_t>(frame, plane, scale, &enlarged);
    } else {
      EnlargePlane<uint16_t>(frame, plane, scale, &enlarged);
    }
  }
  return enlarged;
}

}  // namespace octoscale
