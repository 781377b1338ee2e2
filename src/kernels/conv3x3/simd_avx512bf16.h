// SimdAvx512 with bf16 storage. Kernel-private.
#pragma once

#include "kernels/conv3x3/simd_avx512.h"

namespace octoscale::kernels {
namespace {

struct SimdAvx512Bf16 : SimdAvx512 {
  static void StoreBf16(uint16_t* p, F v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v)));
  }
};

}  // namespace
}  // namespace octoscale::kernels
