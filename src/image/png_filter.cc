#include "image/png_filter.h"

namespace octoscale {

void PaethFilter(const uint8_t* __restrict row, const uint8_t* __restrict above, size_t pixel_bytes,
                 size_t size, uint8_t* __restrict out) {
  const size_t first = pixel_bytes < size ? pixel_bytes : size;
  for (size_t i = 0; i < first; ++i) out[i] = static_cast<uint8_t>(row[i] - above[i]);
  for (size_t i = first; i < size; ++i) {
    const int16_t left = row[i - pixel_bytes];
    const int16_t up = above[i];
    const int16_t corner = above[i - pixel_bytes];
    int16_t to_left = up - corner;
    int16_t to_up = left - corner;
    int16_t to_corner = to_left + to_up;
    to_left = to_left < 0 ? -to_left : to_left;
    to_up = to_up < 0 ? -to_up : to_up;
    to_corner = to_corner < 0 ? -to_corner : to_corner;
    const int16_t nearest = to_left <= to_up && to_left <= to_corner ? left
                            : to_up <= to_corner                     ? up
                                                                     : corner;
    out[i] = static_cast<uint8_t>(row[i] - nearest);
  }
}

}  // namespace octoscale
