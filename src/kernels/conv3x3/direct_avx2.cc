#include "kernels/conv3x3/direct_inl.h"
#include "kernels/conv3x3/kernels.h"
#include "kernels/conv3x3/simd_avx2.h"

namespace octoscale::kernels {

void RunDirectFp32Avx2(const PackedConv& conv, const ConvArgs& args) {
  DirectConv<SimdAvx2, MultiplyFp32<SimdAvx2>>(conv, args).Run();
}

}  // namespace octoscale::kernels
