#include "image/exif.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace octoscale {
namespace {

// A TIFF header's bytes, read in the order that it declares; reads past the end give 0.
class Tiff {
 public:
  explicit Tiff(std::span<const uint8_t> bytes)
      : bytes_(bytes), big_endian_(!bytes.empty() && bytes[0] == 'M') {}

  uint32_t U16(size_t at) const {
    if (at + 2 > bytes_.size()) return 0;
    return big_endian_ ? bytes_[at] << 8 | bytes_[at + 1] : bytes_[at + 1] << 8 | bytes_[at];
  }
  uint32_t U32(size_t at) const {
    return big_endian_ ? U16(at) << 16 | U16(at + 2) : U16(at + 2) << 16 | U16(at);
  }

 private:
  std::span<const uint8_t> bytes_;
  bool big_endian_;
};

// Pixel (x, y) of the upright picture comes from the stored one.
template <typename T>
void CopyUpright(const Frame& in, int orientation, Frame& out) {
  const bool mirror_x =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool mirror_y =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    for (int y = 0; y < out.height(); ++y) {
      T* to = reinterpret_cast<T*>(out.row(plane, y));
      for (int x = 0; x < out.width(); ++x) {
        int from_x = SwapsSides(orientation) ? y : x;
        int from_y = SwapsSides(orientation) ? x : y;
        if (mirror_x) from_x = in.width() - 1 - from_x;
        if (mirror_y) from_y = in.height() - 1 - from_y;
        to[x] = reinterpret_cast<const T*>(in.row(plane, from_y))[from_x];
      }
    }
  }
}

}  // namespace

int ExifOrientation(std::span<const uint8_t> app1) {
  static constexpr uint8_t kMagic[] = {'E', 'x', 'i', 'f', 0, 0};
  constexpr uint32_t kOrientationTag = 0x0112;
  constexpr size_t kEntryBytes = 12;
  if (app1.size() < sizeof(kMagic) + 8 ||
      !std::equal(std::begin(kMagic), std::end(kMagic), app1.begin())) {
    return 1;
  }
  const Tiff tiff(app1.subspan(sizeof(kMagic)));
  const size_t directory = tiff.U32(4);
  const uint32_t entries = tiff.U16(directory);
  for (uint32_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + i * kEntryBytes;
    if (tiff.U16(entry) != kOrientationTag) continue;
    const uint32_t value = tiff.U16(entry + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Frame Upright(Frame frame, int orientation) {
  if (orientation <= 1 || orientation > 8) return frame;
  FrameSize size = frame.size();
  if (SwapsSides(orientation)) std::swap(size.width, size.height);
  Frame out(size, frame.sample_type());
  if (frame.sample_type() == SampleType::kU16) {
    CopyUpright<uint16_t>(frame, orientation, out);
  } else {
    CopyUpright<uint8_t>(frame, orientation, out);
  }
  return out;
}

}  // namespace octoscale
