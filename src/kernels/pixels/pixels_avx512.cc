#include "kernels/conv3x3/simd_avx512.h"
#include "kernels/pixels/input_conv_inl.h"
#include "kernels/pixels/output_inl.h"
#include "kernels/pixels/pixels_private.h"

namespace octoscale::kernels {

void RunInputConvAvx512(const PackedInputConv& conv, const InputConvArgs& args) {
  InputConv<SimdAvx512>(conv, args).Run();
}

OutputReport RunOutputAvx512(const OutputArgs& args) { return Output(args).Run(); }

}  // namespace octoscale::kernels
