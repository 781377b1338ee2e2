#include "frame/frame.h"

#include <cassert>
#include <cstring>
#include <utility>

namespace octoscale {
namespace {

template <typename T>
[[gnu::always_inline]] inline void SplitLoop(const T* in, T* r, T* g, T* b, int width) {
  for (int x = 0; x < width; ++x) {
    r[x] = in[3 * x];
    g[x] = in[3 * x + 1];
    b[x] = in[3 * x + 2];
  }
}

template <typename T>
[[gnu::always_inline]] inline void MergeLoop(const T* r, const T* g, const T* b, T* out,
                                             int width) {
  for (int x = 0; x < width; ++x) {
    out[3 * x] = r[x];
    out[3 * x + 1] = g[x];
    out[3 * x + 2] = b[x];
  }
}

// The same loops with SSSE3's byte shuffle are several times as fast.
template <typename T>
[[gnu::target("ssse3")]] void SplitSsse3(const T* in, T* r, T* g, T* b, int width) {
  SplitLoop(in, r, g, b, width);
}

template <typename T>
[[gnu::target("ssse3")]] void MergeSsse3(const T* r, const T* g, const T* b, T* out, int width) {
  MergeLoop(r, g, b, out, width);
}

bool HasSsse3() {
  static const bool has = __builtin_cpu_supports("ssse3");
  return has;
}

template <typename T>
void Split(const T* in, T* r, T* g, T* b, int width) {
  HasSsse3() ? SplitSsse3(in, r, g, b, width) : SplitLoop(in, r, g, b, width);
}

template <typename T>
void Merge(const T* r, const T* g, const T* b, T* out, int width) {
  HasSsse3() ? MergeSsse3(r, g, b, out, width) : MergeLoop(r, g, b, out, width);
}

}  // namespace

Frame::Frame(FrameSize size, SampleType type) : size_(size), type_(type) {
  assert(size.width >= 1 && size.width <= kFrameSideMax);
  assert(size.height >= 1 && size.height <= kFrameSideMax);
  stride_bytes_ = (static_cast<ptrdiff_t>(size.width) * SampleBytes(type) + 63) / 64 * 64;
  buffer_ = AlignedBuffer<uint8_t>(static_cast<size_t>(stride_bytes_) * size.height * kPlanes);
}

Frame Frame::Clone() const {
  if (empty()) return {};
  Frame copy(size_, type_);
  std::memcpy(copy.buffer_.data(), buffer_.data(), buffer_.size());
  return copy;
}

bool Frame::SamePixels(const Frame& other) const {
  if (size_ != other.size_ || type_ != other.type_) return false;
  const size_t bytes = static_cast<size_t>(size_.width) * SampleBytes(type_);
  for (int plane = 0; plane < kPlanes; ++plane) {
    for (int y = 0; y < size_.height; ++y) {
      if (std::memcmp(row(plane, y), other.row(plane, y), bytes) != 0) return false;
    }
  }
  return true;
}

Frame FrameFromInterleaved(const void* pixels, ptrdiff_t stride_bytes, FrameSize size,
                           SampleType type) {
  Frame frame(size, type);
  for (int y = 0; y < size.height; ++y) {
    const auto* in = static_cast<const uint8_t*>(pixels) + y * stride_bytes;
    if (type == SampleType::kU8) {
      Split(in, frame.row(0, y), frame.row(1, y), frame.row(2, y), size.width);
    } else {
      Split(reinterpret_cast<const uint16_t*>(in), frame.row16(0, y), frame.row16(1, y),
            frame.row16(2, y), size.width);
    }
  }
  return frame;
}

void FrameToInterleaved(const Frame& frame, void* pixels, ptrdiff_t stride_bytes) {
  for (int y = 0; y < frame.height(); ++y) {
    auto* out = static_cast<uint8_t*>(pixels) + y * stride_bytes;
    if (frame.sample_type() == SampleType::kU8) {
      Merge(frame.row(0, y), frame.row(1, y), frame.row(2, y), out, frame.width());
    } else {
      Merge(frame.row16(0, y), frame.row16(1, y), frame.row16(2, y),
            reinterpret_cast<uint16_t*>(out), frame.width());
    }
  }
}

}  // namespace octoscale
