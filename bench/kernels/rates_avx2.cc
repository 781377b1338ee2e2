#include <immintrin.h>

#include "bench/kernels/rates.h"

namespace octoscale::bench {

double RunFma256(int64_t rounds) {
  __m256 acc[12] = {};
  __m256 a = _mm256_setzero_ps(), b = _mm256_setzero_ps();
  __asm__ volatile("" : "+x"(a), "+x"(b));  // values unknown to the compiler
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int k = 0; k < 12; ++k) {
      acc[k] = _mm256_fmadd_ps(a, b, acc[k]);
      __asm__ volatile("" : "+x"(acc[k]));
    }
  }
  return static_cast<double>(rounds) * 12 * 16;
}

double RunMadd256(int64_t rounds) {
  __m256i acc[12] = {};
  __m256i a = _mm256_setzero_si256(), b = _mm256_setzero_si256();
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int k = 0; k < 12; ++k) {
      __asm__ volatile("" : "+x"(a), "+x"(b));  // or the product would be computed once
      acc[k] = _mm256_add_epi32(acc[k], _mm256_madd_epi16(a, b));
      __asm__ volatile("" : "+x"(acc[k]));
    }
  }
  return static_cast<double>(rounds) * 12 * 32;
}

}  // namespace octoscale::bench
