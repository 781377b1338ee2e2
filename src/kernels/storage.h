// Number formats in which activations rest between layers, and their scalar conversions.
#pragma once

#include <cstdint>
#include <cstring>

namespace octoscale::kernels {

enum class Storage : uint8_t {
  kF32,
  kF16,   // IEEE 754 binary16
  kBf16,  // upper half of binary32
};

constexpr int StorageBytes(Storage storage) { return storage == Storage::kF32 ? 4 : 2; }

// Round to nearest even; NaN stays NaN, overflow becomes infinity.
uint16_t FloatToHalf(float value);
float HalfToFloat(uint16_t bits);

// Round to nearest even; NaN stays NaN.
inline uint16_t FloatToBfloat16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffff) > 0x7f800000) return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}
inline float Bfloat16ToFloat(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}

}  // namespace octoscale::kernels
