#include "kernels/conv3x3/simd_avx2.h"
#include "kernels/pixels/input_conv_inl.h"
#include "kernels/pixels/output_inl.h"
#include "kernels/pixels/pixels_private.h"

namespace octoscale::kernels {

void RunInputConvAvx2(const PackedInputConv& conv, const InputConvArgs& args) {
  InputConv<SimdAvx2>(conv, args).Run();
}

OutputReport RunOutputAvx2(const OutputArgs& args) { return Output(args).Run(); }

}  // namespace octoscale::kernels
