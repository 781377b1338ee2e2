#include "kernels/conv3x3/kernels.h"
#include "kernels/conv3x3/simd_scalar.h"
#include "kernels/conv3x3/winograd_inl.h"

namespace octoscale::kernels {

void RunWinogradInt16Scalar(const PackedConv& conv, const ConvArgs& args) {
  WinogradConv<SimdScalar>(conv, args).Run();
}

}  // namespace octoscale::kernels
