#include "frame/rotate.h"

namespace octoscale {
namespace {

template <typename T>
void Turn(const uint8_t* in, ptrdiff_t in_stride, FrameSize size, Orientation orientation,
          uint8_t* out, ptrdiff_t out_stride) {
  const FrameSize turned = TurnedSize(size, orientation);
  const int last_x = size.width - 1;
  const int last_y = size.height - 1;
  const int degrees = orientation.degrees;
  // Where the input goes with one sample to the right in the output.
  const int right = degrees == 0 ? 1 : degrees == 180 ? -1 : 0;
  const int down = degrees == 90 ? -1 : degrees == 270 ? 1 : 0;
  const int mirror = orientation.mirrored ? -1 : 1;
  const bool from_last_x = (degrees == 180 || degrees == 270) != orientation.mirrored;
  const int first_y = degrees == 90 || degrees == 180 ? last_y : 0;
  const ptrdiff_t column = mirror * right * static_cast<ptrdiff_t>(sizeof(T)) + down * in_stride;
  const ptrdiff_t row = mirror * -down * static_cast<ptrdiff_t>(sizeof(T)) + right * in_stride;
  const uint8_t* first =
      in + first_y * in_stride + (from_last_x ? last_x : 0) * static_cast<ptrdiff_t>(sizeof(T));
  for (int y = 0; y < turned.height; ++y) {
    T* to = reinterpret_cast<T*>(out + y * out_stride);
    const uint8_t* from = first + y * row;
    for (int x = 0; x < turned.width; ++x) to[x] = *reinterpret_cast<const T*>(from + x * column);
  }
}

int WholeTurn(int degrees) { return (degrees % 360 + 360) % 360; }

}  // namespace

// A turn before a mirror is the opposite turn behind it.
Orientation Then(Orientation first, Orientation second) {
  const int turned = second.mirrored ? -first.degrees : first.degrees;
  return {first.mirrored != second.mirrored, WholeTurn(turned + second.degrees)};
}

Orientation Inverse(Orientation orientation) {
  if (orientation.mirrored) return orientation;
  return {false, WholeTurn(-orientation.degrees)};
}

FrameSize TurnedSize(FrameSize size, Orientation orientation) {
  return orientation.swaps_sides() ? FrameSize{size.height, size.width} : size;
}

void TurnPlane(const uint8_t* in, ptrdiff_t in_stride_bytes, FrameSize size, int sample_bytes,
               Orientation orientation, uint8_t* out, ptrdiff_t out_stride_bytes) {
  if (sample_bytes == 1) {
    Turn<uint8_t>(in, in_stride_bytes, size, orientation, out, out_stride_bytes);
  } else {
    Turn<uint16_t>(in, in_stride_bytes, size, orientation, out, out_stride_bytes);
  }
}

Frame TurnFrame(const Frame& frame, Orientation orientation) {
  if (orientation.upright()) return frame.Clone();
  Frame turned(TurnedSize(frame.size(), orientation), frame.sample_type());
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    TurnPlane(frame.row(plane, 0), frame.stride_bytes(), frame.size(),
              SampleBytes(frame.sample_type()), orientation, turned.row(plane, 0),
              turned.stride_bytes());
  }
  return turned;
}

}  // namespace octoscale
