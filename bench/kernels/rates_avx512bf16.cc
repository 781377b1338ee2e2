#include <immintrin.h>

#include "bench/kernels/rates.h"

namespace octoscale::bench {

double RunDotBf16Of512(int64_t rounds) {
  __m512 acc[12] = {};
  __m512i a = _mm512_setzero_si512(), b = _mm512_setzero_si512();
  __asm__ volatile("" : "+v"(a), "+v"(b));  // values unknown to the compiler
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int k = 0; k < 12; ++k) {
      acc[k] =
          _mm512_dpbf16_ps(acc[k], reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
      __asm__ volatile("" : "+v"(acc[k]));
    }
  }
  return static_cast<double>(rounds) * 12 * 64;
}

}  // namespace octoscale::bench
