// The shape of the AMX tiles that all kernels use. For files compiled for AMX.
#pragma once

#include <cstdint>

namespace octoscale::kernels {

// Palette 1: eight tiles of 16 rows of 64 bytes.
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// Not on the stack: GCC 12's _tile_loadconfig tells the compiler of eight bytes only.
constexpr TileConfig kTileConfig;

}  // namespace octoscale::kernels
