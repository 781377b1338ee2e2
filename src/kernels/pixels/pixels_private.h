// The entry points of every instruction set. Kernel-private.
#pragma once

#include "kernels/pixels/pixels.h"

namespace octoscale::kernels {

void RunInputConvScalar(const PackedInputConv& conv, const InputConvArgs& args);
void RunInputConvAvx2(const PackedInputConv& conv, const InputConvArgs& args);
void RunInputConvAvx512(const PackedInputConv& conv, const InputConvArgs& args);
void RunInputConvAmx(const PackedInputConv& conv, const InputConvArgs& args);
OutputReport RunOutputScalar(const OutputArgs& args);
OutputReport RunOutputAvx2(const OutputArgs& args);
OutputReport RunOutputAvx512(const OutputArgs& args);

}  // namespace octoscale::kernels
