// The Paeth filter of PNG (ISO/IEC 15948, clause 9.4), the encoder's hot loop. Private to this
// folder.
#pragma once

#include <cstddef>
#include <cstdint>

namespace octoscale {

// out[i] = row[i] - Paeth(row[i - pixel_bytes], above[i], above[i - pixel_bytes]) modulo 256, for
// i < size, with 0 left of the row. `above` is the row before, or zeros. No buffer may overlap.
void PaethFilter(const uint8_t* row, const uint8_t* above, size_t pixel_bytes, size_t size,
                 uint8_t* out);

}  // namespace octoscale
