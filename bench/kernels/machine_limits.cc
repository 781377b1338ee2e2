#include "bench/kernels/machine_limits.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <latch>
#include <numeric>
#include <thread>

#include "base/aligned_buffer.h"
#include "bench/kernels/rates.h"
#include "bench/kernels/timing.h"

namespace octoscale::bench {
namespace {

constexpr int64_t kRounds = 100'000;                   // of 12 instructions: about 0.3 ms
constexpr int kWindows = 4;                            // of a measurement with several threads
constexpr size_t kMemoryBytesMax = size_t{512} << 20;  // all threads together, more than L3
constexpr size_t kCacheBytes = size_t{256} << 10;

struct Loop {
  InstructionLimit limit;
  double (*run)(int64_t rounds);
  int64_t rounds;
};

constexpr Loop kLoops[] = {
    {{LimitKind::kFma256, "fp32 FMA, 256 bits", "vfmadd231ps ymm", CpuLevel::kAvx2},
     RunFma256,
     kRounds},
    {{LimitKind::kMadd256, "int16, 256 bits", "vpmaddwd + vpaddd ymm", CpuLevel::kAvx2},
     RunMadd256,
     kRounds},
    {{LimitKind::kFma512, "fp32 FMA, 512 bits", "vfmadd231ps zmm", CpuLevel::kAvx512},
     RunFma512,
     kRounds},
    {{LimitKind::kDot16, "int16, 512 bits", "vpdpwssd zmm", CpuLevel::kAvx512},
     RunDot16Of512,
     kRounds},
    {{LimitKind::kDotBf16, "bf16, 512 bits", "vdpbf16ps zmm", CpuLevel::kAvx512Bf16},
     RunDotBf16Of512,
     kRounds},
    {{LimitKind::kTilesBf16, "bf16 tiles", "tdpbf16ps", CpuLevel::kAmx},
     RunTilesBf16,
     kRounds / 10},
    {{LimitKind::kTilesBf16Random, "bf16 tiles, random numbers", "tdpbf16ps", CpuLevel::kAmx},
     RunTilesBf16Random,
     kRounds / 10},
};

// Units of work per second when `threads` do `work(thread)` at once; each call does `amount`.
double Rate(int threads, double seconds, double amount, const std::function<void(int)>& work) {
  if (threads == 1) return amount / FastestSeconds(seconds, [&] { work(0); });
  std::vector<double> rates(static_cast<size_t>(threads));
  double best = 0;
  for (int window = 0; window < kWindows; ++window) {
    std::latch start(threads);
    const auto run = [&](int t) {
      start.arrive_and_wait();
      const double wall_begin = WallSeconds(), begin = ThreadCpuSeconds();
      int64_t calls = 0;
      for (; calls == 0 || WallSeconds() - wall_begin < seconds / kWindows; ++calls) work(t);
      rates[static_cast<size_t>(t)] =
          amount * static_cast<double>(calls) / std::max(1e-9, ThreadCpuSeconds() - begin);
    };
    std::vector<std::thread> others;
    for (int t = 1; t < threads; ++t) others.emplace_back(run, t);
    run(0);
    for (std::thread& thread : others) thread.join();
    best = std::max(best, std::accumulate(rates.begin(), rates.end(), 0.0));
  }
  return best;
}

uint64_t Sum(const uint64_t* words, size_t count) {
  uint64_t sum[8] = {};
  for (size_t i = 0; i + 8 <= count; i += 8) {
    for (size_t k = 0; k < 8; ++k) sum[k] += words[i + k];
  }
  for (size_t k = 1; k < 8; ++k) sum[0] += sum[k];
  return sum[0];
}

// Three quarters of what is free at most.
size_t MemoryBytes() {
  const size_t free_bytes = static_cast<size_t>(std::max(0L, sysconf(_SC_AVPHYS_PAGES))) *
                            static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return std::min(kMemoryBytesMax, free_bytes / 4 * 3);
}

void MeasureMemory(int threads, double seconds, MachineLimits* limits) {
  const size_t half = MemoryBytes() / static_cast<size_t>(threads) / 2 / 64 * 64;
  std::vector<AlignedBuffer<std::byte>> from, to;
  for (int t = 0; t < threads; ++t) {
    from.emplace_back(half);
    to.emplace_back(half);
    std::memset(from.back().data(), 1, half);
    std::memset(to.back().data(), 2, half);
  }
  const size_t all = threads == 1 ? 0 : 1;
  std::vector<uint64_t> sums(static_cast<size_t>(threads) * 8);  // a cache line each
  limits->memory_read[all] = Rate(threads, seconds, static_cast<double>(half) * 2, [&](int t) {
    sums[static_cast<size_t>(t) * 8] =
        Sum(reinterpret_cast<const uint64_t*>(from[t].data()), half / 8) +
        Sum(reinterpret_cast<const uint64_t*>(to[t].data()), half / 8);
  });
  limits->memory_copy[all] = Rate(threads, seconds, static_cast<double>(half) * 2,
                                  [&](int t) { std::memcpy(to[t].data(), from[t].data(), half); });
  constexpr int kRepeats = 20;
  limits->cache_copy[all] =
      Rate(threads, seconds, static_cast<double>(kCacheBytes) * kRepeats, [&](int t) {
        for (int i = 0; i < kRepeats; ++i) {
          std::memcpy(to[t].data(), from[t].data(), kCacheBytes / 2);
          __asm__ volatile("" ::: "memory");
        }
      });
}

}  // namespace

const InstructionLimit* MachineLimits::Find(LimitKind kind) const {
  for (const InstructionLimit& limit : instructions) {
    if (limit.kind == kind) return &limit;
  }
  return nullptr;
}

double MachineLimits::OneThread(LimitKind kind) const {
  const InstructionLimit* limit = Find(kind);
  return limit == nullptr ? 0 : limit->one_thread;
}

MachineLimits MeasureLimits(int threads, double seconds) {
  MachineLimits limits;
  limits.threads = threads;
  for (const Loop& loop : kLoops) {
    if (loop.limit.level > DetectedCpuLevel()) continue;
    InstructionLimit limit = loop.limit;
    const double amount = loop.run(loop.rounds);
    const auto work = [&](int) { loop.run(loop.rounds); };
    limit.one_thread = Rate(1, seconds, amount, work);
    limit.all_threads = threads == 1 ? limit.one_thread : Rate(threads, seconds, amount, work);
    limits.instructions.push_back(limit);
  }
  MeasureMemory(1, seconds, &limits);
  if (threads > 1) MeasureMemory(threads, seconds, &limits);
  return limits;
}

void KeepLarger(const MachineLimits& other, MachineLimits* limits) {
  for (size_t i = 0; i < limits->instructions.size(); ++i) {
    InstructionLimit& limit = limits->instructions[i];
    limit.one_thread = std::max(limit.one_thread, other.instructions[i].one_thread);
    limit.all_threads = std::max(limit.all_threads, other.instructions[i].all_threads);
  }
  for (size_t i = 0; i < 2; ++i) {
    limits->memory_read[i] = std::max(limits->memory_read[i], other.memory_read[i]);
    limits->memory_copy[i] = std::max(limits->memory_copy[i], other.memory_copy[i]);
    limits->cache_copy[i] = std::max(limits->cache_copy[i], other.cache_copy[i]);
  }
}

}  // namespace octoscale::bench
