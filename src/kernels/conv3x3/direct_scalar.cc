#include "kernels/conv3x3/direct_inl.h"
#include "kernels/conv3x3/kernels.h"
#include "kernels/conv3x3/simd_scalar.h"

namespace octoscale::kernels {

namespace {

struct MultiplyBf16Scalar {
  using Element = uint16_t;
  struct Vector {
    float low, high;
  };
  static constexpr int kStep = 2;
  static constexpr Storage kStorage = Storage::kBf16;
  static Vector LoadWeights(const uint16_t* p) {
    return {Bfloat16ToFloat(p[0]), Bfloat16ToFloat(p[1])};
  }
  static Vector Broadcast(const uint16_t* p) { return LoadWeights(p); }
  static float MultiplyAdd(float acc, Vector a, Vector w) {
    return acc + a.high * w.high + a.low * w.low;
  }
};

}  // namespace

void RunDirectFp32Scalar(const PackedConv& conv, const ConvArgs& args) {
  DirectConv<SimdScalar, MultiplyFp32<SimdScalar>>(conv, args).Run();
}

void RunDirectBf16Scalar(const PackedConv& conv, const ConvArgs& args) {
  DirectConv<SimdScalar, MultiplyBf16Scalar>(conv, args).Run();
}

}  // namespace octoscale::kernels
