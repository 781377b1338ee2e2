// The epilogue of the tile kernel, for 16 or 32 output channels at once. Kernel-private.
#pragma once

#include <immintrin.h>

#include "kernels/conv3x3/conv3x3.h"

namespace octoscale::kernels {
namespace {

// kBf16 and kF32: no residual and no rest, the cases that need the shortest epilogue.
enum class TileOutput : uint8_t { kBf16, kF32, kAny };

// A block of pixels whose sums are known and whose outputs are not all written yet. Computes what
// epilogue_inl.h does.
template <TileOutput kOutput, int kGroups>
class TileBlock {
 public:
  static constexpr int kPixels = 64 / kGroups;  // with four tiles of sums

  TileBlock(const PackedConv& conv, const ConvArgs& args)
      : scale1_(_mm512_set1_ps(conv.scale1)),
        scale2_(_mm512_set1_ps(conv.scale2)),
        args_(&args),
        pixel_bytes_(static_cast<ptrdiff_t>(conv.out_channels_padded) * 2),
        step_(pixel_bytes_ << (conv.upsample ? 1 : 0)),
        out_bytes_(args.out_f32 ? 2 : 1) {}

  void SetChannel(const PackedConv& conv, int channel) {
    channel_ = channel;
    for (int g = 0; g < kGroups; ++g) {
      bias_[g] = _mm512_loadu_ps(conv.bias.data() + channel + g * 16);
      slope_[g] = _mm512_loadu_ps(conv.slope.data() + channel + g * 16);
    }
  }
  void SetFinished() { left_ = 0; }

  // sums: [kGroups][kPixels][16], without bias; (x, row): its first output pixel.
  void Start(const float* sums, int row, int x, int pixels) {
    const ptrdiff_t at = x * pixel_bytes_ + channel_ * 2;
    const auto from = [&](auto rows) { return rows == nullptr ? nullptr : rows[row] + at; };
    sums_ = sums;
    left_ = pixels;
    out_ = args_->out_rows[row] + at * out_bytes_;
    if constexpr (kOutput == TileOutput::kAny) {
      out_rest_ = from(args_->out_rest_rows);
      residual1_ = from(args_->residual1_rows);
      residual1_rest_ = from(args_->residual1_rest_rows);
      residual2_ = from(args_->residual2_rows);
      residual2_rest_ = from(args_->residual2_rest_rows);
    }
  }

  int left() const { return left_; }

  // At most left() pixels.
  void Finish(int pixels) {
    for (int p = 0; p < pixels; ++p) FinishPixel();
    left_ -= pixels;
  }
  void FinishAll() { Finish(left_); }

  // Without counting them.
  template <int kCount>
  inline __attribute__((always_inline)) void FinishPixels() {
#pragma GCC unroll 8
    for (int p = 0; p < kCount; ++p) FinishPixel();
  }

 private:
  struct Sums {
    __m512 group[2];
  };

  inline __attribute__((always_inline)) void FinishPixel() {
    Sums v = {};
    for (int g = 0; g < kGroups; ++g) v.group[g] = Activate(g);
    if constexpr (kOutput == TileOutput::kAny) {
      AddResidual(scale1_, &residual1_, &residual1_rest_, &v);
      AddResidual(scale2_, &residual2_, &residual2_rest_, &v);
      if (args_->out_f32) {
        StoreF32(v);
      } else {
        StoreBf16(out_, v);
      }
      if (out_rest_ != nullptr) {
        Sums kept = LoadBf16(out_);
        for (int g = 0; g < kGroups; ++g) kept.group[g] = _mm512_sub_ps(v.group[g], kept.group[g]);
        StoreBf16(out_rest_, kept);
        out_rest_ += step_;
      }
    } else if constexpr (kOutput == TileOutput::kF32) {
      StoreF32(v);
    } else {
      StoreBf16(out_, v);
    }
    sums_ += 16;
    out_ += step_ * out_bytes_;
  }

  // Lets NaN through.
  inline __attribute__((always_inline)) __m512 Activate(int g) const {
    const __m512 v = _mm512_add_ps(_mm512_load_ps(sums_ + g * kPixels * 16), bias_[g]);
    const __mmask16 negative = _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_LT_OQ);
    return _mm512_mask_mul_ps(v, negative, v, slope_[g]);
  }

  inline __attribute__((always_inline)) void AddResidual(__m512 scale, const std::byte** residual,
                                                         const std::byte** rest, Sums* v) const {
    if (*residual == nullptr) return;
    Sums add = LoadBf16(*residual);
    *residual += step_;
    if (*rest != nullptr) {
      const Sums more = LoadBf16(*rest);
      for (int g = 0; g < kGroups; ++g) add.group[g] = _mm512_add_ps(add.group[g], more.group[g]);
      *rest += step_;
    }
    for (int g = 0; g < kGroups; ++g) {
      v->group[g] = _mm512_fmadd_ps(v->group[g], scale, add.group[g]);
    }
  }

  static inline __attribute__((always_inline)) Sums LoadBf16(const std::byte* from) {
    Sums v = {};
    for (int g = 0; g < kGroups; ++g) {
      const __m256i half = _mm256_loadu_si256(
          reinterpret_cast<const __m256i*>(from + static_cast<ptrdiff_t>(g) * 32));
      v.group[g] = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
    }
    return v;
  }

  static inline __attribute__((always_inline)) void StoreBf16(std::byte* to, const Sums& v) {
    if constexpr (kGroups == 2) {
      _mm512_storeu_si512(to,
                          reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(v.group[1], v.group[0])));
    } else {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                          reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v.group[0])));
    }
  }

  inline __attribute__((always_inline)) void StoreF32(const Sums& v) const {
    for (int g = 0; g < kGroups; ++g) {
      _mm512_storeu_ps(out_ + static_cast<ptrdiff_t>(g) * 64, v.group[g]);
    }
  }

  __m512 bias_[2] = {};
  __m512 slope_[2] = {};
  __m512 scale1_;
  __m512 scale2_;
  const ConvArgs* args_;
  int channel_ = 0;
  ptrdiff_t pixel_bytes_;  // of a bf16 tensor
  ptrdiff_t step_;         // between two pixels of a block, in a bf16 tensor
  ptrdiff_t out_bytes_;    // of the output, in units of bf16
  const float* sums_ = nullptr;
  int left_ = 0;
  std::byte* out_ = nullptr;
  std::byte* out_rest_ = nullptr;
  const std::byte* residual1_ = nullptr;
  const std::byte* residual1_rest_ = nullptr;
  const std::byte* residual2_ = nullptr;
  const std::byte* residual2_rest_ = nullptr;
};

}  // namespace
}  // namespace octoscale::kernels
