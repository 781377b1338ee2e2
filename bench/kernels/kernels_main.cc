// kernels_bench: the limits of this machine, and every kernel as a share of the limit that bounds
// it. Prints Markdown; --json FILE writes the same figures as JSON.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "bench/kernels/kernel_rows.h"
#include "bench/kernels/machine_limits.h"

namespace octoscale::bench {
namespace {

constexpr const char* kUsage =
    "usage: kernels_bench [--quick] [--threads N] [--filter PART_OF_A_NAME] [--json FILE]\n";

struct Arguments {
  bool quick = false;
  int threads = AvailableCores();
  std::string filter;
  std::string json;
};

bool ParseArguments(int argc, char** argv, Arguments* arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (word == "--quick") {
      arguments->quick = true;
    } else if (word == "--threads" && value != nullptr) {
      arguments->threads = std::atoi(argv[++i]);
      if (arguments->threads < 1 || arguments->threads > 1024) return false;
    } else if (word == "--filter" && value != nullptr) {
      arguments->filter = argv[++i];
    } else if (word == "--json" && value != nullptr) {
      arguments->json = argv[++i];
    } else {
      return false;
    }
  }
  return true;
}

void PrintMachine() {
  std::printf("%s, %d cores for this process, CPU level %s.\n\n", CpuModelName().c_str(),
              AvailableCores(), std::string(CpuLevelName(DetectedCpuLevel())).c_str());
}

void PrintLimits(const MachineLimits& limits) {
  std::printf("| limit | instruction | 1 thread | %d threads |\n|---|---|---:|---:|\n",
              limits.threads);
  for (const InstructionLimit& limit : limits.instructions) {
    std::printf("| %s | %s | %.0f Gop/s | %.0f Gop/s |\n", limit.name, limit.instruction,
                limit.one_thread * 1e-9, limit.all_threads * 1e-9);
  }
  const size_t all = limits.threads > 1 ? 1 : 0;
  const auto print = [&](const char* name, const char* how, const double* bytes) {
    std::printf("| %s | %s | %.1f GB/s | %.1f GB/s |\n", name, how, bytes[0] * 1e-9,
                bytes[all] * 1e-9);
  };
  print("memory, reading", "64-bit loads", limits.memory_read);
  print("memory, copying", "memcpy, read + written", limits.memory_copy);
  print("256 KiB, copying", "memcpy, read + written", limits.cache_copy);
  std::printf("\n");
}

// Share of the limit, 0 when there is none.
double Share(const KernelRow& row, const MachineLimits& limits) {
  if (row.bytes > 0) return row.bytes / limits.cache_copy[0];
  const double limit = limits.OneThread(row.limit);
  return limit > 0 ? row.done / limit : 0;
}

void PrintRows(const std::vector<KernelRow>& rows, const MachineLimits& limits) {
  std::printf(
      "| kernel | shape | time | effective | really done | of the limit |\n"
      "|---|---|---:|---:|---:|---:|\n");
  for (const KernelRow& row : rows) {
    std::printf("| %s | %s | %.0f us |", row.kernel.c_str(), row.shape.c_str(), row.microseconds);
    if (row.bytes > 0) {
      std::printf(" %.1f GB/s | | %.0f %% of 256 KiB, copying |\n", row.bytes * 1e-9,
                  100 * Share(row, limits));
      continue;
    }
    std::printf(" %.1f GFLOP/s | %.1f Gop/s |", row.effective * 1e-9, row.done * 1e-9);
    if (const InstructionLimit* limit = limits.Find(row.limit)) {
      std::printf(" %.0f %% of %s |\n", 100 * Share(row, limits), limit->name);
    } else {
      std::printf(" (reference) |\n");
    }
  }
  std::printf("\n");
}

nlohmann::ordered_json ToJson(const MachineLimits& limits, const std::vector<KernelRow>& rows) {
  nlohmann::ordered_json json = {{"cpu", CpuModelName()},
                                 {"cores", AvailableCores()},
                                 {"level", CpuLevelName(DetectedCpuLevel())},
                                 {"threads", limits.threads}};
  for (const InstructionLimit& limit : limits.instructions) {
    json["limits"].push_back({{"name", limit.name},
                              {"instruction", limit.instruction},
                              {"one_thread", limit.one_thread},
                              {"all_threads", limit.all_threads}});
  }
  json["memory_read"] = limits.memory_read;
  json["memory_copy"] = limits.memory_copy;
  json["cache_copy"] = limits.cache_copy;
  for (const KernelRow& row : rows) {
    json["kernels"].push_back({{"kernel", row.kernel},
                               {"shape", row.shape},
                               {"microseconds", row.microseconds},
                               {"effective", row.effective},
                               {"done", row.done},
                               {"bytes", row.bytes},
                               {"share", Share(row, limits)}});
  }
  return json;
}

int Run(const Arguments& arguments) {
  const double limit_seconds = arguments.quick ? 0.05 : 0.2;
  BenchOptions options;
  options.seconds = arguments.quick ? 0.04 : 0.25;
  options.filter = arguments.filter;
  // Before and after: a machine shared with others is sometimes slow for a while.
  MachineLimits limits = MeasureLimits(arguments.threads, limit_seconds);
  std::vector<KernelRow> rows = BenchConvs(options);
  const std::vector<KernelRow> pixels = BenchPixels(options);
  KeepLarger(MeasureLimits(arguments.threads, limit_seconds), &limits);

  PrintMachine();
  PrintLimits(limits);
  PrintRows(rows, limits);
  PrintRows(pixels, limits);
  if (arguments.json.empty()) return 0;
  rows.insert(rows.end(), pixels.begin(), pixels.end());
  std::ofstream file(arguments.json);
  file << ToJson(limits, rows).dump(1) << "\n";
  file.close();
  if (file.good()) return 0;
  std::fprintf(stderr, "kernels_bench: error: cannot write %s\n", arguments.json.c_str());
  return 1;
}

}  // namespace
}  // namespace octoscale::bench

int main(int argc, char** argv) {
  octoscale::bench::Arguments arguments;
  if (!octoscale::bench::ParseArguments(argc, argv, &arguments)) {
    std::fputs(octoscale::bench::kUsage, stderr);
    return 2;
  }
  return octoscale::bench::Run(arguments);
}
