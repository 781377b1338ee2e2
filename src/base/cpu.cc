#include "base/cpu.h"

#include <cpuid.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <fstream>

namespace octoscale {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"scalar", "avx2", "avx512", "avx512bf16",
                                                    "amx"};

struct CpuidRegisters {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

CpuidRegisters Cpuid(uint32_t leaf, uint32_t subleaf) {
  CpuidRegisters r;
  if (!__get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx)) return {};
  return r;
}

bool Bit(uint32_t word, int bit) { return (word >> bit) & 1; }

// XCR0: which register states the operating system saves.
uint64_t EnabledStates() {
  if (!Bit(Cpuid(1, 0).ecx, 27)) return 0;  // OSXSAVE
  uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
}

bool RequestAmxTiles() {
  constexpr int kArchReqXcompPerm = 0x1023;
  constexpr int kXfeatureTileData = 18;
  return syscall(SYS_arch_prctl, kArchReqXcompPerm, kXfeatureTileData) == 0;
}

CpuLevel Detect() {
  const CpuidRegisters leaf1 = Cpuid(1, 0);
  const CpuidRegisters leaf7 = Cpuid(7, 0);
  const CpuidRegisters leaf7_1 = leaf7.eax >= 1 ? Cpuid(7, 1) : CpuidRegisters{};
  const uint64_t states = EnabledStates();

  const bool ymm = (states & 0x6) == 0x6;
  const bool avx2 = ymm && Bit(leaf7.ebx, 5) && Bit(leaf1.ecx, 12) && Bit(leaf1.ecx, 29);
  if (!avx2) return CpuLevel::kScalar;

  const bool zmm = (states & 0xe6) == 0xe6;
  const bool avx512 = zmm && Bit(leaf7.ebx, 16) && Bit(leaf7.ebx, 17) && Bit(leaf7.ebx, 30) &&
                      Bit(leaf7.ebx, 31) && Bit(leaf7.ecx, 11);
  if (!avx512) return CpuLevel::kAvx2;

  if (!Bit(leaf7_1.eax, 5)) return CpuLevel::kAvx512;

  const bool tiles = (states & 0x60000) == 0x60000;
  const bool amx = tiles && Bit(leaf7.edx, 24) && Bit(leaf7.edx, 22);
  return amx && RequestAmxTiles() ? CpuLevel::kAmx : CpuLevel::kAvx512Bf16;
}

// Cores granted by a cgroup v2 quota, 0 when there is none.
int QuotaCores() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return 0;
  const double cores = std::strtod(quota.c_str(), nullptr) / period;
  return cores > 0 ? std::max(1, static_cast<int>(cores + 0.5)) : 0;
}

}  // namespace

std::string_view CpuLevelName(CpuLevel level) { return kNames[static_cast<size_t>(level)]; }

Result<CpuLevel> ParseCpuLevel(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<CpuLevel>(i);
  }
  return InvalidArgument("CPU level '" + std::string(name) +
                         "' is unknown; expected scalar, avx2, avx512, avx512bf16 or amx");
}

CpuLevel DetectedCpuLevel() {
  static const CpuLevel level = Detect();
  return level;
}

std::vector<CpuLevel> AvailableCpuLevels() {
  std::vector<CpuLevel> levels;
  for (int i = 0; i <= static_cast<int>(DetectedCpuLevel()); ++i) {
    levels.push_back(static_cast<CpuLevel>(i));
  }
  return levels;
}

Result<CpuLevel> ActiveCpuLevel() {
  const char* forced = std::getenv("OCTOSCALE_CPU");
  if (forced == nullptr || *forced == '\0') return DetectedCpuLevel();
  Result<CpuLevel> level = ParseCpuLevel(forced);
  if (!level.ok()) return level.status().WithContext("OCTOSCALE_CPU");
  if (*level > DetectedCpuLevel()) {
    return InvalidArgument(
        "OCTOSCALE_CPU=" + std::string(forced) + ": this machine reaches only '" +
        std::string(CpuLevelName(DetectedCpuLevel())) + "'; unset the variable or name that level");
  }
  return level;
}

std::string CpuModelName() {
  std::string name;
  for (uint32_t leaf = 0x80000002; leaf <= 0x80000004; ++leaf) {
    const CpuidRegisters registers = Cpuid(leaf, 0);
    name.append(reinterpret_cast<const char*>(&registers), sizeof(registers));
  }
  name.resize(std::min(name.size(), name.find('\0')));
  const size_t first = name.find_first_not_of(' ');
  if (first == std::string::npos) return "unknown";
  return name.substr(first, name.find_last_not_of(' ') + 1 - first);
}

int AvailableCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cores = sched_getaffinity(0, sizeof set, &set) == 0
                  ? CPU_COUNT(&set)
                  : static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  if (const int quota = QuotaCores(); quota > 0) cores = std::min(cores, quota);
  return std::max(1, cores);
}

}  // namespace octoscale
