// The entry point of every instruction set. Kernel-private.
#pragma once

#include "kernels/conv3x3/conv3x3.h"

namespace octoscale::kernels {

void RunDirectFp32Scalar(const PackedConv& conv, const ConvArgs& args);
void RunDirectFp32Avx2(const PackedConv& conv, const ConvArgs& args);
void RunDirectFp32Avx512(const PackedConv& conv, const ConvArgs& args);
void RunDirectBf16Scalar(const PackedConv& conv, const ConvArgs& args);
void RunDirectBf16Avx2(const PackedConv& conv, const ConvArgs& args);
void RunDirectBf16Avx512Bf16(const PackedConv& conv, const ConvArgs& args);
void RunTilesBf16Amx(const PackedConv& conv, const ConvArgs& args);
void RunWinogradInt16Scalar(const PackedConv& conv, const ConvArgs& args);
void RunWinogradInt16Avx2(const PackedConv& conv, const ConvArgs& args);
void RunWinogradInt16Avx512(const PackedConv& conv, const ConvArgs& args);

}  // namespace octoscale::kernels
