#include "kernels/conv3x3/kernels.h"
#include "kernels/conv3x3/simd_avx2.h"
#include "kernels/conv3x3/winograd_inl.h"

namespace octoscale::kernels {

void RunWinogradInt16Avx2(const PackedConv& conv, const ConvArgs& args) {
  WinogradConv<SimdAvx2>(conv, args).Run();
}

}  // namespace octoscale::kernels
