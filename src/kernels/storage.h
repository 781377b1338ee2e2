// Number formats in which activations rest between layers.
#pragma once

#include <cstdint>

#include "base/half.h"

namespace octoscale::kernels {

enum class Storage : uint8_t {
  kF32,
  kF16,   // IEEE 754 binary16
  kBf16,  // upper half of binary32
};

constexpr int StorageBytes(Storage storage) { return storage == Storage::kF32 ? 4 : 2; }

}  // namespace octoscale::kernels
