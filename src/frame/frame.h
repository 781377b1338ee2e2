// Frame: one picture as planar RGB, the currency between decoders, upscalers and encoders.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/aligned_buffer.h"
#include "base/status.h"

namespace octoscale {

// kU8: 0..255. kU16: 0..65535, native endian. Full range, display-referred (gamma-coded) RGB.
enum class SampleType : uint8_t { kU8, kU16 };

constexpr int SampleBytes(SampleType type) { return type == SampleType::kU8 ? 1 : 2; }

struct FrameSize {
  int width = 0;   // pixels
  int height = 0;  // pixels
  bool operator==(const FrameSize&) const = default;
};

// Largest width or height that any part of the program accepts, in pixels.
constexpr int kFrameSideMax = 32768;

// Bytes of the samples of one frame, without the padding of rows.
constexpr size_t FrameBytes(FrameSize size, SampleType type) {
  return size_t{3} * static_cast<size_t>(size.width) * static_cast<size_t>(size.height) *
         static_cast<size_t>(SampleBytes(type));
}

// Three planes R, G, B of equal size, rows aligned to 64 bytes. Move-only; Clone() copies.
// Not thread-safe for writing; any number of threads may read.
class Frame {
 public:
  static constexpr int kPlanes = 3;

  Frame() = default;
  // Pixels start uninitialised. Requires 1 <= width, height <= kFrameSideMax.
  // Throws std::bad_alloc when memory is short.
  Frame(FrameSize size, SampleType type);

  FrameSize size() const { return size_; }
  int width() const { return size_.width; }
  int height() const { return size_.height; }
  SampleType sample_type() const { return type_; }
  bool empty() const { return buffer_.empty(); }
  // Distance between rows of one plane, in bytes.
  ptrdiff_t stride_bytes() const { return stride_bytes_; }
  size_t size_bytes() const { return buffer_.size(); }

  // plane: 0 = R, 1 = G, 2 = B.
  uint8_t* row(int plane, int y) { return buffer_.data() + Offset(plane, y); }
  const uint8_t* row(int plane, int y) const { return buffer_.data() + Offset(plane, y); }
  uint16_t* row16(int plane, int y) { return reinterpret_cast<uint16_t*>(row(plane, y)); }
  const uint16_t* row16(int plane, int y) const {
    return reinterpret_cast<const uint16_t*>(row(plane, y));
  }

  Frame Clone() const;
  // True when size, sample type and every pixel are equal; padding is ignored.
  bool SamePixels(const Frame& other) const;

 private:
  size_t Offset(int plane, int y) const {
    return (static_cast<size_t>(plane) * size_.height + y) * stride_bytes_;
  }

  FrameSize size_;
  SampleType type_ = SampleType::kU8;
  ptrdiff_t stride_bytes_ = 0;
  AlignedBuffer<uint8_t> buffer_;
};

// Interleaved 8-bit or 16-bit RGB (3 samples a pixel, rows `stride_bytes` apart) to a Frame and
// back.
Frame FrameFromInterleaved(const void* pixels, ptrdiff_t stride_bytes, FrameSize size,
                           SampleType type);
void FrameToInterleaved(const Frame& frame, void* pixels, ptrdiff_t stride_bytes);

}  // namespace octoscale
