#include "kernels/conv3x3/direct_inl.h"
#include "kernels/conv3x3/kernels.h"
#include "kernels/conv3x3/simd_avx2.h"

namespace octoscale::kernels {

namespace {

// bf16 widened to fp32 in registers, two channels a step.
struct MultiplyBf16Avx2 {
  using Element = uint16_t;
  struct Vector {
    __m256 low, high;
  };
  static constexpr int kStep = 2;
  static constexpr Storage kStorage = Storage::kBf16;
  static Vector Widen(__m256i pairs) {
    return {_mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16)),
            _mm256_castsi256_ps(
                _mm256_and_si256(pairs, _mm256_set1_epi32(static_cast<int>(0xffff0000))))};
  }
  static Vector LoadWeights(const uint16_t* p) {
    return Widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static Vector Broadcast(const uint16_t* p) {
    int32_t pair;
    __builtin_memcpy(&pair, p, 4);
    return Widen(_mm256_set1_epi32(pair));
  }
  static __m256 MultiplyAdd(__m256 acc, Vector a, Vector w) {
    return _mm256_fmadd_ps(a.low, w.low, _mm256_fmadd_ps(a.high, w.high, acc));
  }
};

}  // namespace

void RunDirectBf16Avx2(const PackedConv& conv, const ConvArgs& args) {
  DirectConv<SimdAvx2, MultiplyBf16Avx2>(conv, args).Run();
}

void RunDirectFp32Avx2(const PackedConv& conv, const ConvArgs& args) {
  DirectConv<SimdAvx2, MultiplyFp32<SimdAvx2>>(conv, args).Run();
}

}  // namespace octoscale::kernels
