// Vectors of sixteen lanes with AVX-512 F, BW, VL, DQ and VNNI. Kernel-private.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace octoscale::kernels {
namespace {

struct SimdAvx512 {
  using F = __m512;
  using I = __m512i;
  static constexpr int kWidth = 16;
  static constexpr int kOutVectors = 4;
  static constexpr int kPixels = 6;

  static F Load(const float* p) { return _mm512_loadu_ps(p); }
  static void Store(float* p, F v) { _mm512_storeu_ps(p, v); }
  static F Set1(float v) { return _mm512_set1_ps(v); }
  static F Zero() { return _mm512_setzero_ps(); }
  static F Add(F a, F b) { return _mm512_add_ps(a, b); }
  static F Sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static F Mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F Fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  static F Fnma(F a, F b, F c) { return _mm512_fnmadd_ps(a, b, c); }
  static F Max(F a, F b) { return _mm512_max_ps(a, b); }
  static F Min(F a, F b) { return _mm512_min_ps(a, b); }
  static I AbsBits(F a) {
    return _mm512_and_epi32(_mm512_castps_si512(a), _mm512_set1_epi32(0x7fffffff));
  }
  static I MaxI(I a, I b) { return _mm512_max_epi32(a, b); }
  static int32_t ReduceMaxI(I v) { return _mm512_reduce_max_epi32(v); }

  static F LoadF16(const uint16_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static void StoreF16(uint16_t* p, F v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(v, 0));
  }

  static F LoadBf16(const uint16_t* p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(
        _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))), 16));
  }
  static void StoreBf16(uint16_t* p, F v) {
    const __m512i bits = _mm512_castps_si512(v);
    const __m512i high = _mm512_srli_epi32(bits, 16);
    const __m512i odd = _mm512_and_epi32(high, _mm512_set1_epi32(1));
    const __m512i rounded = _mm512_srli_epi32(
        _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd), 16);
    const __m512i wide = _mm512_mask_or_epi32(rounded, _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), high,
                                              _mm512_set1_epi32(0x40));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(wide));
  }

  static I ZeroI() { return _mm512_setzero_si512(); }
  static F ToFloat(I v) { return _mm512_cvtepi32_ps(v); }
  static I LoadI(const int32_t* p) { return _mm512_loadu_si512(p); }
  static void StoreI(int32_t* p, I v) { _mm512_storeu_si512(p, v); }
  static void RoundGroup(const float* from, F factor, int16_t* to) {
    const __m512i low = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(from), factor));
    const __m512i high = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(from + 16), factor));
    _mm512_storeu_si512(to, _mm512_packs_epi32(low, high));
  }
  static I LoadPairs(const int16_t* p) { return _mm512_loadu_si512(p); }
  static I BroadcastPair(const int16_t* p) {
    int32_t pair;
    __builtin_memcpy(&pair, p, 4);
    return _mm512_set1_epi32(pair);
  }
  static I Dot(I acc, I a, I b) { return _mm512_dpwssd_epi32(acc, a, b); }
};

}  // namespace
}  // namespace octoscale::kernels
