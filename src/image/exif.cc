#include "image/exif.h"

#include <algorithm>
#include <iterator>

#include "frame/rotate.h"

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
  constexpr Orientation kAsStored[] = {{false, 0},  {true, 0},   {false, 180}, {true, 180},
                                       {true, 270}, {false, 90}, {true, 90},   {false, 270}};
  if (orientation <= 1 || orientation > 8) return frame;
  return TurnFrame(frame, kAsStored[orientation - 1]);
}

}  // namespace octoscale
