// Direct convolution: for each block of pixels and output vectors, nine taps times all input
// channels accumulate in registers. Kernel-private; include once per instruction set.
#pragma once

#include "kernels/conv3x3/conv3x3.h"
#include "kernels/conv3x3/epilogue_inl.h"

namespace octoscale::kernels {
namespace {

// M says how channels multiply: Element (stored type), kStep channels per multiply, Vector (kWidth
// outputs x kStep channels), LoadWeights, Broadcast, MultiplyAdd, kStorage.
template <class S, class M>
class DirectConv {
 public:
  using F = typename S::F;
  using Element = typename M::Element;

  DirectConv(const PackedConv& conv, const ConvArgs& args)
      : conv_(conv), args_(args), epilogue_(conv, args) {}

  void Run() const {
    constexpr int kBlock = S::kOutVectors * S::kWidth;
    for (int row = 0; row < args_.rows; ++row) {
      int channel = 0;
      // Output channels outside, pixels inside: the weights of one block stay in L1.
      for (; channel + kBlock <= conv_.out_channels_padded; channel += kBlock) {
        RunRow<S::kOutVectors>(row, channel);
      }
      for (; channel < conv_.out_channels_padded; channel += S::kWidth) RunRow<1>(row, channel);
    }
  }

 private:
  template <int kVectors>
  void RunRow(int row, int channel) const {
    for (int x = args_.x_begin; x < args_.x_end; x += S::kPixels) {
      RunBlock<kVectors>(row, x, channel);
    }
  }

  template <int kVectors>
  __attribute__((noinline)) void RunBlock(int row, int x, int channel) const {
    F acc[S::kPixels][kVectors];
#pragma GCC unroll 6
    for (int p = 0; p < S::kPixels; ++p) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
        acc[p][v] = S::Load(conv_.bias.data() + channel + v * S::kWidth);
    }
    const int up = conv_.upsample ? 1 : 0;
    // Past the end the last pixel once more: what lies there may be another thread's.
    int column[S::kPixels];
    for (int p = 0; p < S::kPixels; ++p)
      column[p] = (x + p < args_.x_end ? x + p : args_.x_end - 1);
    const ptrdiff_t weight_step = static_cast<ptrdiff_t>(conv_.out_channels_padded) * M::kStep;
    const Element* w = reinterpret_cast<const Element*>(conv_.weight.data()) + channel * M::kStep;
    for (int dy = 0; dy < 3; ++dy) {
      const int in_row = up ? ((row + dy - 1) >> 1) + 1 : row + dy;
      for (int dx = 0; dx < 3; ++dx) {
        for (int s = 0; s < args_.source_count; ++s) {
          const ConvSource& source = args_.sources[s];
          const auto* line = reinterpret_cast<const Element*>(source.rows[in_row]);
          const Element* pixel[S::kPixels];
          for (int p = 0; p < S::kPixels; ++p) {
            pixel[p] = line + static_cast<ptrdiff_t>((column[p] + dx - 1) >> up) * source.channels;
          }
          for (int c = 0; c < source.channels; c += M::kStep, w += weight_step) {
            typename M::Vector weights[kVectors];
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) {
              weights[v] = M::LoadWeights(w + v * S::kWidth * M::kStep);
            }
#pragma GCC unroll 6
            for (int p = 0; p < S::kPixels; ++p) {
              const typename M::Vector a = M::Broadcast(pixel[p] + c);
#pragma GCC unroll 4
              for (int v = 0; v < kVectors; ++v) {
                acc[p][v] = M::MultiplyAdd(acc[p][v], a, weights[v]);
              }
            }
          }
        }
      }
    }
#pragma GCC unroll 6
    for (int p = 0; p < S::kPixels; ++p) {
      if (x + p >= args_.x_end) break;
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        epilogue_.Finish(acc[p][v], row, x + p, channel + v * S::kWidth);
      }
    }
  }

  const PackedConv& conv_;
  const ConvArgs& args_;
  Epilogue<S, M::kStorage> epilogue_;
};

template <class S>
struct MultiplyFp32 {
  using Element = float;
  using Vector = typename S::F;
  static constexpr int kStep = 1;
  static constexpr Storage kStorage = Storage::kF32;
  static Vector LoadWeights(const float* p) { return S::Load(p); }
  static Vector Broadcast(const float* p) { return S::Set1(*p); }
  static typename S::F MultiplyAdd(typename S::F acc, Vector a, Vector w) {
    return S::Fma(a, w, acc);
  }
};

}  // namespace
}  // namespace octoscale::kernels
