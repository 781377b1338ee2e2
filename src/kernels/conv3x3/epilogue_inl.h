// What follows the sum in every method: bias, activation, scales, residuals, storage.
// Kernel-private; include once in a file compiled for one instruction set.
#pragma once

#include "kernels/conv3x3/conv3x3.h"

namespace octoscale::kernels {
namespace {

template <class S, Storage kStorage>
inline typename S::F LoadStored(const std::byte* pixel, int channel) {
  if constexpr (kStorage == Storage::kF32) {
    return S::Load(reinterpret_cast<const float*>(pixel) + channel);
  } else if constexpr (kStorage == Storage::kF16) {
    return S::LoadF16(reinterpret_cast<const uint16_t*>(pixel) + channel);
  } else {
    return S::LoadBf16(reinterpret_cast<const uint16_t*>(pixel) + channel);
  }
}

template <class S, Storage kStorage>
inline void StoreStored(std::byte* pixel, int channel, typename S::F v) {
  if constexpr (kStorage == Storage::kF32) {
    S::Store(reinterpret_cast<float*>(pixel) + channel, v);
  } else if constexpr (kStorage == Storage::kF16) {
    S::StoreF16(reinterpret_cast<uint16_t*>(pixel) + channel, v);
  } else {
    S::StoreBf16(reinterpret_cast<uint16_t*>(pixel) + channel, v);
  }
}

template <class S, Storage kStorage>
class Epilogue {
 public:
  using F = typename S::F;

  Epilogue(const PackedConv& conv, const ConvArgs& args)
      : slope_(conv.slope.data()),
        args_(args),
        scale1_(S::Set1(conv.scale1)),
        scale2_(S::Set1(conv.scale2)),
        pixel_bytes_(static_cast<ptrdiff_t>(conv.out_channels_padded) * StorageBytes(kStorage)),
        out_pixel_bytes_(args.out_f32 ? static_cast<ptrdiff_t>(conv.out_channels_padded) * 4
                                      : pixel_bytes_) {}

  // v: sum + bias of channels [channel, channel + S::kWidth) of output pixel (x, row).
  inline __attribute__((always_inline)) void Finish(F v, int row, int x, int channel) const {
    // The operand order lets NaN through.
    const F zero = S::Zero();
    v = S::Fma(S::Min(zero, v), S::Load(slope_ + channel), S::Max(zero, v));
    if (args_.residual1_rows != nullptr) {
      v = S::Fma(v, scale1_,
                 Residual(args_.residual1_rows, args_.residual1_rest_rows, row, x, channel));
    }
    if (args_.residual2_rows != nullptr) {
      v = S::Fma(v, scale2_,
                 Residual(args_.residual2_rows, args_.residual2_rest_rows, row, x, channel));
    }
    std::byte* out = args_.out_rows[row] + x * out_pixel_bytes_;
    if (args_.out_f32) {
      StoreStored<S, Storage::kF32>(out, channel, v);
    } else {
      StoreStored<S, kStorage>(out, channel, v);
    }
    if constexpr (kStorage == Storage::kBf16) {
      if (args_.out_rest_rows != nullptr) {
        const F kept = LoadStored<S, kStorage>(out, channel);
        StoreStored<S, kStorage>(args_.out_rest_rows[row] + x * pixel_bytes_, channel,
                                 S::Sub(v, kept));
      }
    }
  }

 private:
  inline __attribute__((always_inline)) F Residual(const std::byte* const* rows,
                                                   const std::byte* const* rest_rows, int row,
                                                   int x, int channel) const {
    F v = LoadStored<S, kStorage>(rows[row] + x * pixel_bytes_, channel);
    if constexpr (kStorage == Storage::kBf16) {
      if (rest_rows != nullptr) {
        v = S::Add(v, LoadStored<S, kStorage>(rest_rows[row] + x * pixel_bytes_, channel));
      }
    }
    return v;
  }

  const float* slope_;
  const ConvArgs& args_;
  F scale1_;
  F scale2_;
  ptrdiff_t pixel_bytes_;
  ptrdiff_t out_pixel_bytes_;
};

}  // namespace
}  // namespace octoscale::kernels
