// One measured kernel on one shape, and the two sets of kernels that are measured.
#pragma once

#include <string>
#include <vector>

#include "bench/kernels/machine_limits.h"

namespace octoscale::bench {

struct KernelRow {
  std::string kernel;
  std::string shape;
  double microseconds = 0;  // fastest run
  double effective = 0;     // operations per second, counted as direct convolution
  double done = 0;          // multiply-adds that the method really needs, padding included
  double bytes = 0;  // pixel kernels without a convolution: bytes read and written per second
  LimitKind limit = LimitKind::kNone;
};

struct BenchOptions {
  double seconds = 0.15;  // per row
  std::string filter;     // part of the kernel's name; empty for all
};

// Every convolution kernel of this machine on the shapes of the networks, one thread.
std::vector<KernelRow> BenchConvs(const BenchOptions& options);
// First convolution and output step at every CPU level of this machine, one thread.
std::vector<KernelRow> BenchPixels(const BenchOptions& options);

}  // namespace octoscale::bench
