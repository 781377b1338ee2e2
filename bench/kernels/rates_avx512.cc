#include <immintrin.h>

#include "bench/kernels/rates.h"

namespace octoscale::bench {

double RunFma512(int64_t rounds) {
  __m512 acc[12] = {};
  __m512 a = _mm512_setzero_ps(), b = _mm512_setzero_ps();
  __asm__ volatile("" : "+v"(a), "+v"(b));  // values unknown to the compiler
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int k = 0; k < 12; ++k) {
      acc[k] = _mm512_fmadd_ps(a, b, acc[k]);
      __asm__ volatile("" : "+v"(acc[k]));
    }
  }
  return static_cast<double>(rounds) * 12 * 32;
}

double RunDot16Of512(int64_t rounds) {
  __m512i acc[12] = {};
  __m512i a = _mm512_setzero_si512(), b = _mm512_setzero_si512();
  __asm__ volatile("" : "+v"(a), "+v"(b));
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int k = 0; k < 12; ++k) {
      acc[k] = _mm512_dpwssd_epi32(acc[k], a, b);
      __asm__ volatile("" : "+v"(acc[k]));
    }
  }
  return static_cast<double>(rounds) * 12 * 64;
}

}  // namespace octoscale::bench
