// SimdAvx512 with bf16 storage. Kernel-private.
#pragma once

#include "kernels/conv3x3/simd_avx512.h"

namespace octoscale::kernels {
namespace {

struct SimdAvx512Bf16 : SimdAvx512 {
  static F LoadBf16(const uint16_t* p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(
        _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))), 16));
  }
  static void StoreBf16(uint16_t* p, F v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v)));
  }
};

}  // namespace
}  // namespace octoscale::kernels
