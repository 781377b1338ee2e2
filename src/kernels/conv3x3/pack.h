// Weight layouts of the convolution methods. Kernel-private.
#pragma once

#include "kernels/conv3x3/conv3x3.h"

namespace octoscale::kernels {

// [9][in][out] fp32.
Result<PackedConv> PackDirectFp32(const ConvSpec& spec);
// [9][in/2][out][2] bf16.
Result<PackedConv> PackDirectBf16(const ConvSpec& spec);
// [phase][out/32][tap][in/32][out/16 of 2][16 channel pairs][16 outputs][2] bf16:
// AMX tiles of 1024 bytes in the order in which they are used. An odd last group of 16 outputs
// stands alone. Without upsampling one phase and 9 taps (dy, dx); with it four phases (output row
// parity, output column parity) of 4 taps: on a picture enlarged by repetition a 3x3 window sees
// 2x2 input pixels, so taps that share one are added up.
Result<PackedConv> PackTilesBf16(const ConvSpec& spec);
// [36][in/2][out][2] int16, inputs in WinogradPosition order, scaled per output channel so that no
// sum of 36 x in products with |V| <= kWinogradVMax leaves int32.
Result<PackedConv> PackWinogradInt16(const ConvSpec& spec);

}  // namespace octoscale::kernels
