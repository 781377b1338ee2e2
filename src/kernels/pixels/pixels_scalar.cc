#include "kernels/conv3x3/simd_scalar.h"
#include "kernels/pixels/input_conv_inl.h"
#include "kernels/pixels/output_inl.h"
#include "kernels/pixels/pixels_private.h"

namespace octoscale::kernels {

void RunInputConvScalar(const PackedInputConv& conv, const InputConvArgs& args) {
  InputConv<SimdScalar>(conv, args).Run();
}

OutputReport RunOutputScalar(const OutputArgs& args) { return Output(args).Run(); }

}  // namespace octoscale::kernels
