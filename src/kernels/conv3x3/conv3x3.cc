#include "kernels/conv3x3/conv3x3.h"

#include <array>
#include <atomic>

#include "kernels/conv3x3/kernels.h"
#include "kernels/conv3x3/pack.h"

namespace octoscale::kernels {
namespace {

constexpr ConvKernel kKernels[] = {
    {"conv3x3.direct_fp32.scalar", ConvMethod::kDirectFp32, CpuLevel::kScalar, PackDirectFp32,
     RunDirectFp32Scalar},
    {"conv3x3.direct_fp32.avx2", ConvMethod::kDirectFp32, CpuLevel::kAvx2, PackDirectFp32,
     RunDirectFp32Avx2},
    {"conv3x3.direct_fp32.avx512", ConvMethod::kDirectFp32, CpuLevel::kAvx512, PackDirectFp32,
     RunDirectFp32Avx512},
    {"conv3x3.direct_bf16.scalar", ConvMethod::kDirectBf16, CpuLevel::kScalar, PackDirectBf16,
     RunDirectBf16Scalar},
    {"conv3x3.direct_bf16.avx2", ConvMethod::kDirectBf16, CpuLevel::kAvx2, PackDirectBf16,
     RunDirectBf16Avx2},
    {"conv3x3.direct_bf16.avx512bf16", ConvMethod::kDirectBf16, CpuLevel::kAvx512Bf16,
     PackDirectBf16, RunDirectBf16Avx512Bf16},
    {"conv3x3.direct_bf16.amx", ConvMethod::kDirectBf16, CpuLevel::kAmx, PackTilesBf16,
     RunTilesBf16Amx},
    {"conv3x3.winograd_int16.scalar", ConvMethod::kWinogradInt16, CpuLevel::kScalar,
     PackWinogradInt16, RunWinogradInt16Scalar},
    {"conv3x3.winograd_int16.avx2", ConvMethod::kWinogradInt16, CpuLevel::kAvx2, PackWinogradInt16,
     RunWinogradInt16Avx2},
    {"conv3x3.winograd_int16.avx512", ConvMethod::kWinogradInt16, CpuLevel::kAvx512,
     PackWinogradInt16, RunWinogradInt16Avx512},
};

std::array<std::atomic<uint64_t>, std::size(kKernels)> run_counts;

}  // namespace

Storage ConvStorage(ConvMethod method) {
  switch (method) {
    case ConvMethod::kDirectFp32:
      return Storage::kF32;
    case ConvMethod::kDirectBf16:
      return Storage::kBf16;
    case ConvMethod::kWinogradInt16:
      return Storage::kF16;
  }
  return Storage::kF32;
}

std::span<const ConvKernel> ConvKernels() { return kKernels; }

const ConvKernel& SelectConvKernel(ConvMethod method, CpuLevel level) {
  const ConvKernel* best = nullptr;
  for (const ConvKernel& kernel : kKernels) {
    if (kernel.method != method || kernel.level > level) continue;
    if (best == nullptr || kernel.level > best->level) best = &kernel;
  }
  return *best;  // every method has a scalar kernel
}

void RunConv(const ConvKernel& kernel, const PackedConv& conv, const ConvArgs& args) {
  run_counts[&kernel - kKernels].fetch_add(1, std::memory_order_relaxed);
  kernel.run(conv, args);
}

uint64_t ConvKernelRuns(const ConvKernel& kernel) {
  return run_counts[&kernel - kKernels].load(std::memory_order_relaxed);
}

}  // namespace octoscale::kernels
