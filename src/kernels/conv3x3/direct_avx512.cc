#include "kernels/conv3x3/direct_inl.h"
#include "kernels/conv3x3/kernels.h"
#include "kernels/conv3x3/simd_avx512.h"

namespace octoscale::kernels {

void RunDirectFp32Avx512(const PackedConv& conv, const ConvArgs& args) {
  DirectConv<SimdAvx512, MultiplyFp32<SimdAvx512>>(conv, args).Run();
}

}  // namespace octoscale::kernels
