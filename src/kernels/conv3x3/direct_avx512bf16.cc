#include "kernels/conv3x3/direct_inl.h"
#include "kernels/conv3x3/kernels.h"
#include "kernels/conv3x3/simd_avx512bf16.h"

namespace octoscale::kernels {

namespace {

struct MultiplyBf16 {
  using Element = uint16_t;
  using Vector = __m512bh;
  static constexpr int kStep = 2;
  static constexpr Storage kStorage = Storage::kBf16;
  static Vector LoadWeights(const uint16_t* p) {
    return reinterpret_cast<Vector>(_mm512_loadu_si512(p));
  }
  static Vector Broadcast(const uint16_t* p) {
    int32_t pair;
    __builtin_memcpy(&pair, p, 4);
    return reinterpret_cast<Vector>(_mm512_set1_epi32(pair));
  }
  static __m512 MultiplyAdd(__m512 acc, Vector a, Vector w) { return _mm512_dpbf16_ps(acc, a, w); }
};

}  // namespace

void RunDirectBf16Avx512Bf16(const PackedConv& conv, const ConvArgs& args) {
  DirectConv<SimdAvx512Bf16, MultiplyBf16>(conv, args).Run();
}

}  // namespace octoscale::kernels
