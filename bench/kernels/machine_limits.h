// What this machine can do at most: operations by multiply instruction, bytes by level of memory.
#pragma once

#include <vector>

#include "base/cpu.h"

namespace octoscale::bench {

// The instruction that bounds a kernel.
enum class LimitKind {
  kNone,
  kFma256,
  kMadd256,
  kFma512,
  kDot16,
  kDotBf16,
  kTilesBf16,
  kTilesBf16Random,
};

struct InstructionLimit {
  LimitKind kind = LimitKind::kNone;
  const char* name = "";  // short, for tables: "fp32 FMA, 256 bits"
  const char* instruction = "";
  CpuLevel level = CpuLevel::kScalar;  // lowest level that has it
  double one_thread = 0;               // operations per second, a multiply-add counting as two
  double all_threads = 0;              // together
};

struct MachineLimits {
  int threads = 1;                             // of all_threads
  std::vector<InstructionLimit> instructions;  // those that this machine has
  // Bytes per second, one thread and all together. A copy counts what it reads and writes.
  double memory_read[2] = {};
  double memory_copy[2] = {};
  double cache_copy[2] = {};  // within 256 KiB

  // 0 when the machine lacks it.
  double OneThread(LimitKind kind) const;
  const InstructionLimit* Find(LimitKind kind) const;
};

// Each measurement takes `seconds`.
MachineLimits MeasureLimits(int threads, double seconds);
// The larger of each figure.
void KeepLarger(const MachineLimits& other, MachineLimits* limits);

}  // namespace octoscale::bench
