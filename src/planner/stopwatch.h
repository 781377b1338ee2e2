// Processor and wall time, and the number of pixels they are divided by.
#pragma once

#include "frame/frame.h"

namespace octoscale {

struct Times {
  double cpu = 0;   // seconds of the whole process, all threads
  double wall = 0;  // seconds
  Times operator-(const Times& other) const { return {cpu - other.cpu, wall - other.wall}; }
};

Times Now();

inline double PixelsOf(FrameSize size) { return static_cast<double>(size.width) * size.height; }

}  // namespace octoscale
