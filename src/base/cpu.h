// CPU levels: which instruction sets the kernels may use.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace octoscale {

// Each level includes the ones before it.
enum class CpuLevel {
  kScalar,      // any x86-64
  kAvx2,        // AVX2, FMA, F16C
  kAvx512,      // AVX-512 F, BW, VL, DQ and VNNI
  kAvx512Bf16,  // and AVX512-BF16
  kAmx,         // and AMX tiles with bf16, granted by the kernel
};

// "scalar", "avx2", "avx512", "avx512bf16", "amx": the words of OCTOSCALE_CPU.
std::string_view CpuLevelName(CpuLevel level);
Result<CpuLevel> ParseCpuLevel(std::string_view name);

// The highest level this machine can run. On Linux, asks the kernel for AMX tile state once.
CpuLevel DetectedCpuLevel();
// Every level from kScalar up to the detected one.
std::vector<CpuLevel> AvailableCpuLevels();

// The level to use: OCTOSCALE_CPU when set, else the detected one. Unknown words and levels that
// the machine lacks are InvalidArgument.
Result<CpuLevel> ActiveCpuLevel();

// Brand string of the processor (CPUID, so also where /proc/cpuinfo is hidden), or "unknown".
std::string CpuModelName();
// Cores that this process may run on (affinity and cgroup quota), at least 1.
int AvailableCores();

}  // namespace octoscale
