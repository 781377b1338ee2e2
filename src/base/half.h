// 16-bit floating-point numbers and their scalar conversions.
#pragma once

#include <cstdint>
#include <cstring>

namespace octoscale {

// IEEE 754 binary16. Round to nearest even; NaN stays NaN, overflow becomes infinity.
uint16_t FloatToHalf(float value);
// Exact.
float HalfToFloat(uint16_t bits);

// bfloat16, the upper half of binary32. Round to nearest even; NaN stays NaN.
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

}  // namespace octoscale
