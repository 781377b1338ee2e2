// Vectors of one lane: the reference for the others. Kernel-private.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/conv3x3/winograd.h"
#include "kernels/storage.h"

namespace octoscale::kernels {
namespace {

struct SimdScalar {
  using F = float;
  using I = int32_t;
  static constexpr int kWidth = 1;
  static constexpr int kOutVectors = 4;  // output vectors and pixels of a register block
  static constexpr int kPixels = 6;

  static F Load(const float* p) { return *p; }
  static void Store(float* p, F v) { *p = v; }
  static F Set1(float v) { return v; }
  static F Zero() { return 0; }
  static F Add(F a, F b) { return a + b; }
  static F Sub(F a, F b) { return a - b; }
  static F Mul(F a, F b) { return a * b; }
  static F Fma(F a, F b, F c) { return std::fma(a, b, c); }    // a*b + c
  static F Fnma(F a, F b, F c) { return std::fma(-a, b, c); }  // c - a*b
  // The second operand when either is NaN, as the x86 instructions do.
  static F Max(F a, F b) { return a > b ? a : b; }
  static F Min(F a, F b) { return a < b ? a : b; }
  // Bits of |a|: they order like the values, and NaN comes out on top.
  static I AbsBits(F a) {
    int32_t bits;
    std::memcpy(&bits, &a, 4);
    return bits & 0x7fffffff;
  }
  static I MaxI(I a, I b) { return a > b ? a : b; }
  static int32_t ReduceMaxI(I v) { return v; }

  static F LoadF16(const uint16_t* p) { return HalfToFloat(*p); }
  static void StoreF16(uint16_t* p, F v) { *p = FloatToHalf(v); }
  static F LoadBf16(const uint16_t* p) { return Bfloat16ToFloat(*p); }
  static void StoreBf16(uint16_t* p, F v) { *p = FloatToBfloat16(v); }

  static I ZeroI() { return 0; }
  static F ToFloat(I v) { return static_cast<float>(v); }
  static I LoadI(const int32_t* p) { return *p; }
  static void StoreI(int32_t* p, I v) { *p = v; }
  // 32 values times factor, rounded to nearest even and saturated, stored in the order of
  // WinogradPosition.
  static void RoundGroup(const float* from, F factor, int16_t* to) {
    for (int c = 0; c < 32; ++c) {
      const float v = from[c] * factor;
      // NaN rounds like the lowest integer, as in the x86 instruction.
      const float bounded = !(v > -32768.f) ? -32768.f : v > 32767.f ? 32767.f : v;
      to[WinogradPosition(c)] = static_cast<int16_t>(std::nearbyint(bounded));
    }
  }
  // Pairs of int16: kWidth of them, or one repeated.
  static I LoadPairs(const int16_t* p) {
    return static_cast<int32_t>(static_cast<uint16_t>(p[0]) |
                                (static_cast<uint32_t>(static_cast<uint16_t>(p[1])) << 16));
  }
  static I BroadcastPair(const int16_t* p) { return LoadPairs(p); }
  // acc + a.lo * b.lo + a.hi * b.hi, wrapping around as the x86 instructions do (only sums of
  // values that are not finite are that large).
  static I Dot(I acc, I a, I b) {
    const auto low = static_cast<uint32_t>(static_cast<int16_t>(a) * static_cast<int16_t>(b));
    const auto high = static_cast<uint32_t>((a >> 16) * (b >> 16));
    return static_cast<int32_t>(static_cast<uint32_t>(acc) + low + high);
  }
};

}  // namespace
}  // namespace octoscale::kernels
