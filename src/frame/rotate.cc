#include "frame/rotate.h"

namespace octoscale {
namespace {

template <typename T>
void Turn(const uint8_t* in, ptrdiff_t in_stride, FrameSize size, int degrees, uint8_t* out,
          ptrdiff_t out_stride) {
  const FrameSize turned = TurnedSize(size, degrees);
  const int last_x = size.width - 1;
  const int last_y = size.height - 1;
  for (int y = 0; y < turned.height; ++y) {
    T* row = reinterpret_cast<T*>(out + y * out_stride);
    for (int x = 0; x < turned.width; ++x) {
      const int from_x = degrees == 90 ? y : degrees == 180 ? last_x - x : last_x - y;
      const int from_y = degrees == 90 ? last_y - x : degrees == 180 ? last_y - y : x;
      row[x] = reinterpret_cast<const T*>(in + from_y * in_stride)[from_x];
    }
  }
}

}  // namespace

FrameSize TurnedSize(FrameSize size, int degrees) {
  return degrees % 180 == 0 ? size : FrameSize{size.height, size.width};
}

void TurnPlane(const uint8_t* in, ptrdiff_t in_stride_bytes, FrameSize size, int sample_bytes,
               int degrees, uint8_t* out, ptrdiff_t out_stride_bytes) {
  if (sample_bytes == 1) {
    Turn<uint8_t>(in, in_stride_bytes, size, degrees, out, out_stride_bytes);
  } else {
    Turn<uint16_t>(in, in_stride_bytes, size, degrees, out, out_stride_bytes);
  }
}

Frame TurnFrame(const Frame& frame, int degrees) {
  if (degrees == 0) return frame.Clone();
  Frame turned(TurnedSize(frame.size(), degrees), frame.sample_type());
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    TurnPlane(frame.row(plane, 0), frame.stride_bytes(), frame.size(),
              SampleBytes(frame.sample_type()), degrees, turned.row(plane, 0),
              turned.stride_bytes());
  }
  return turned;
}

}  // namespace octoscale
