#include <immintrin.h>

#include "bench/kernels/rates.h"
#include "kernels/tile_config.h"

namespace octoscale::bench {
namespace {

struct alignas(64) Operand {
  uint16_t bf16[512];
};

// Both signs, magnitudes from 2^-6 to 2.
Operand RandomOperand(uint32_t seed) {
  Operand operand;
  for (uint16_t& value : operand.bf16) {
    seed = seed * 1664525 + 1013904223;
    const uint32_t exponent = 121 + (seed >> 20) % 7;
    value = static_cast<uint16_t>((seed >> 31 << 15) | (exponent << 7) | (seed >> 8 & 0x7f));
  }
  return operand;
}

double Run(int64_t rounds, const Operand& pixels, const Operand& weights) {
  _tile_loadconfig(&kernels::kTileConfig);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  __asm__ volatile("" ::: "memory");  // GCC 12 believes that tileloadd reads nothing
  _tile_loadd(6, pixels.bf16, 64);
  _tile_loadd(7, weights.bf16, 64);
  for (int64_t i = 0; i < rounds; ++i) {
    _tile_dpbf16ps(0, 6, 7);
    _tile_dpbf16ps(1, 6, 7);
    _tile_dpbf16ps(2, 6, 7);
    _tile_dpbf16ps(3, 6, 7);
    _tile_dpbf16ps(4, 6, 7);
    _tile_dpbf16ps(5, 6, 7);
  }
  _tile_release();
  return static_cast<double>(rounds) * 6 * 16 * 16 * 32 * 2;
}

}  // namespace

double RunTilesBf16(int64_t rounds) {
  const Operand zeros = {};
  return Run(rounds, zeros, zeros);
}

double RunTilesBf16Random(int64_t rounds) {
  return Run(rounds, RandomOperand(1), RandomOperand(2));
}

}  // namespace octoscale::bench
