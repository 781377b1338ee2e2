// Winograd F(4x4, 3x3) with int16 factors. Kernel-private; include once per instruction set.
//
// For a tile of 4x4 outputs (6x6 inputs d), V = B^T d B per input channel, M = U . V summed over
// input channels for each of the 36 taps, output = A^T M A. Points 0, +-a, +-b, inf with a*b = 1
// (a = sqrt(1/2), b = sqrt(2)) keep the transforms short and their magnitudes even. V of a tile is
// rounded to +-kVMax by the tile's own largest |V|, so a tile depends on nothing but its inputs.
#pragma once

#include "kernels/conv3x3/conv3x3.h"
#include "kernels/conv3x3/epilogue_inl.h"
#include "kernels/conv3x3/winograd.h"

namespace octoscale::kernels {
namespace {

template <class S>
class WinogradConv {
 public:
  using F = typename S::F;
  using I = typename S::I;
  static constexpr int kW = S::kWidth;

  WinogradConv(const PackedConv& conv, const ConvArgs& args)
      : conv_(conv),
        args_(args),
        epilogue_(conv, args),
        tile_columns_((args.x_end - args.x_begin + 3) / 4),
        v_(reinterpret_cast<int16_t*>(args.workspace)),
        m_(reinterpret_cast<int32_t*>(args.workspace + kWinogradVBytes)),
        scratch_(reinterpret_cast<float*>(args.workspace + kWinogradVBytes + kWinogradMBytes)) {}

  void Run() {
    const int tiles = tile_columns_ * ((args_.rows + 3) / 4);
    for (int first = 0; first < tiles; first += kWinogradTiles) {
      const int count = tiles - first < kWinogradTiles ? tiles - first : kWinogradTiles;
      for (int t = 0; t < count; ++t) TransformInput(first + t, t);
      Multiply((count + S::kPixels - 1) / S::kPixels * S::kPixels);
      for (int t = 0; t < count; ++t) TransformOutput(first + t, t);
    }
  }

 private:
  // One line of B^T d. Twelve operations.
  static inline __attribute__((always_inline)) void InputLine(F d0, F d1, F d2, F d3, F d4, F d5,
                                                              F* o) {
    const F two = S::Set1(2.f), half = S::Set1(.5f), q = S::Set1(2.5f);
    const F a = S::Set1(kWinogradA), b = S::Set1(kWinogradB);
    const F t = S::Fnma(two, d2, d4), u = S::Fnma(two, d1, d3);
    const F r = S::Fnma(half, d2, d4), w = S::Fnma(half, d1, d3);
    o[0] = S::Fnma(q, d2, S::Add(d0, d4));
    o[1] = S::Fma(a, u, t);
    o[2] = S::Fnma(a, u, t);
    o[3] = S::Fma(b, w, r);
    o[4] = S::Fnma(b, w, r);
    o[5] = S::Fnma(q, d3, S::Add(d1, d5));
  }

  // One line of A^T m. U holds taps 3 and 4 doubled (kWinogradOuterGain), undone here for free.
  static inline __attribute__((always_inline)) void OutputLine(F m0, F m1, F m2, F m3, F m4, F m5,
                                                               F* y) {
    constexpr float g = 1.f / kWinogradOuterGain;
    const F s1 = S::Add(m1, m2), d1 = S::Sub(m1, m2), s2 = S::Add(m3, m4), d2 = S::Sub(m3, m4);
    y[0] = S::Fma(S::Set1(g), s2, S::Add(m0, s1));
    y[1] = S::Fma(S::Set1(kWinogradA), d1, S::Mul(S::Set1(kWinogradB * g), d2));
    y[2] = S::Fma(S::Set1(.5f), s1, S::Mul(S::Set1(2.f * g), s2));
    y[3] = S::Fma(S::Set1(kWinogradA * .5f), d1, S::Fma(S::Set1(kWinogradB * 2.f * g), d2, m5));
  }

  __attribute__((noinline)) void TransformInput(int tile, int slot) {
    const int y = tile / tile_columns_ * 4;
    const int x = args_.x_begin + tile % tile_columns_ * 4;
    const int up = conv_.upsample ? 1 : 0;
    const int channels = conv_.in_channels;
    I largest = S::ZeroI();
    int base = 0;
    for (int s = 0; s < args_.source_count; ++s) {
      const ConvSource& source = args_.sources[s];
      const uint16_t* line[6];
      ptrdiff_t column[6];
      for (int i = 0; i < 6; ++i) {
        const int in_row = up ? ((y + i - 1) >> 1) + 1 : y + i;
        line[i] = reinterpret_cast<const uint16_t*>(source.rows[in_row]);
        column[i] = static_cast<ptrdiff_t>((x + i - 1) >> up) * source.channels;
      }
      for (int c = 0; c < source.channels; c += kW) {
        F m[6][6];
#pragma GCC unroll 6
        for (int j = 0; j < 6; ++j) {
          F o[6];
          const ptrdiff_t at = column[j] + c;
          InputLine(S::LoadF16(line[0] + at), S::LoadF16(line[1] + at), S::LoadF16(line[2] + at),
                    S::LoadF16(line[3] + at), S::LoadF16(line[4] + at), S::LoadF16(line[5] + at),
                    o);
#pragma GCC unroll 6
          for (int i = 0; i < 6; ++i) m[i][j] = o[i];
        }
#pragma GCC unroll 6
        for (int i = 0; i < 6; ++i) {
          F o[6];
          InputLine(m[i][0], m[i][1], m[i][2], m[i][3], m[i][4], m[i][5], o);
#pragma GCC unroll 6
          for (int j = 0; j < 6; ++j) {
            S::Store(scratch_ + (i * 6 + j) * channels + base + c, o[j]);
            largest = S::MaxI(largest, S::AbsBits(o[j]));
          }
        }
      }
      base += source.channels;
    }
    Quantize(S::ReduceMaxI(largest), slot);
  }

  void Quantize(int32_t largest_bits, int slot) {
    float largest;
    __builtin_memcpy(&largest, &largest_bits, 4);
    const float scale = largest_bits == 0 ? 0.f : static_cast<float>(kWinogradVMax) / largest;
    tile_scale_[slot] = largest / static_cast<float>(kWinogradVMax);
    const F factor = S::Set1(scale);
    const int channels = conv_.in_channels;
    for (int k = 0; k < 36; ++k) {
      const float* from = scratch_ + k * channels;
      int16_t* to = v_ + (static_cast<ptrdiff_t>(k) * kWinogradTiles + slot) * channels;
      for (int c = 0; c < channels; c += 32) S::RoundGroup(from + c, factor, to + c);
    }
  }

  // M[tap][tile][out] = sum over in of V[tap][tile][in] * U[tap][in/2][out][2].
  void Multiply(int tiles) {
    constexpr int kBlock = S::kOutVectors * kW;
    const int out_channels = conv_.out_channels_padded;
    for (int k = 0; k < 36; ++k) {
      int channel = 0;
      for (; channel + kBlock <= out_channels; channel += kBlock) {
        MultiplyTap<S::kOutVectors>(k, tiles, channel);
      }
      if constexpr (S::kOutVectors >= 4) {
        if (channel + 2 * kW <= out_channels) {
          MultiplyTap<2>(k, tiles, channel);
          channel += 2 * kW;
        }
      }
      for (; channel < out_channels; channel += kW) MultiplyTap<1>(k, tiles, channel);
    }
  }

  template <int kVectors>
  __attribute__((noinline)) void MultiplyTap(int k, int tiles, int channel) {
    const int in_channels = conv_.in_channels;
    const int out_channels = conv_.out_channels_padded;
    const auto* u = reinterpret_cast<const int16_t*>(conv_.weight.data()) +
                    (static_cast<ptrdiff_t>(k) * in_channels / 2 * out_channels + channel) * 2;
    for (int t = 0; t < tiles; t += S::kPixels) {
      const ptrdiff_t at = static_cast<ptrdiff_t>(k) * kWinogradTiles + t;
      const int16_t* v = v_ + at * in_channels;
      const int16_t* w = u;
      I acc[S::kPixels][kVectors];
#pragma GCC unroll 6
      for (int p = 0; p < S::kPixels; ++p) {
#pragma GCC unroll 4
        for (int j = 0; j < kVectors; ++j) acc[p][j] = S::ZeroI();
      }
      for (int c = 0; c < in_channels; c += 2, w += 2 * out_channels) {
        I weights[kVectors];
#pragma GCC unroll 4
        for (int j = 0; j < kVectors; ++j) weights[j] = S::LoadPairs(w + j * kW * 2);
#pragma GCC unroll 6
        for (int p = 0; p < S::kPixels; ++p) {
          const I a = S::BroadcastPair(v + p * in_channels + c);
#pragma GCC unroll 4
          for (int j = 0; j < kVectors; ++j) acc[p][j] = S::Dot(acc[p][j], a, weights[j]);
        }
      }
      int32_t* m = m_ + at * out_channels + channel;
#pragma GCC unroll 6
      for (int p = 0; p < S::kPixels; ++p) {
#pragma GCC unroll 4
        for (int j = 0; j < kVectors; ++j) S::StoreI(m + p * out_channels + j * kW, acc[p][j]);
      }
    }
  }

  __attribute__((noinline)) void TransformOutput(int tile, int slot) {
    const int y = tile / tile_columns_ * 4;
    const int x = args_.x_begin + tile % tile_columns_ * 4;
    const int rows = args_.rows - y < 4 ? args_.rows - y : 4;
    const int columns = args_.x_end - x < 4 ? args_.x_end - x : 4;
    const int out_channels = conv_.out_channels_padded;
    const ptrdiff_t tap = static_cast<ptrdiff_t>(kWinogradTiles) * out_channels;
    for (int c = 0; c < out_channels; c += kW) {
      const int32_t* m = m_ + static_cast<ptrdiff_t>(slot) * out_channels + c;
      F r[4][6];
#pragma GCC unroll 6
      for (int j = 0; j < 6; ++j) {
        F o[4];
        const int32_t* at = m + j * tap;
        OutputLine(S::ToFloat(S::LoadI(at)), S::ToFloat(S::LoadI(at + 6 * tap)),
                   S::ToFloat(S::LoadI(at + 12 * tap)), S::ToFloat(S::LoadI(at + 18 * tap)),
                   S::ToFloat(S::LoadI(at + 24 * tap)), S::ToFloat(S::LoadI(at + 30 * tap)), o);
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) r[i][j] = o[i];
      }
      const F unit = S::Mul(S::Set1(tile_scale_[slot]), S::Load(conv_.dequantize.data() + c));
      const F bias = S::Load(conv_.bias.data() + c);
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        if (i >= rows) break;
        F o[4];
        OutputLine(r[i][0], r[i][1], r[i][2], r[i][3], r[i][4], r[i][5], o);
        if (columns == 4) {
#pragma GCC unroll 4
          for (int j = 0; j < 4; ++j) {
            epilogue_.Finish(S::Fma(o[j], unit, bias), y + i, x + j, c);
          }
        } else {
          for (int j = 0; j < columns; ++j) {
            epilogue_.Finish(S::Fma(o[j], unit, bias), y + i, x + j, c);
          }
        }
      }
    }
  }

  const PackedConv& conv_;
  const ConvArgs& args_;
  Epilogue<S, Storage::kF16> epilogue_;
  int tile_columns_;
  int16_t* v_;      // [36][kWinogradTiles][in], in WinogradPosition order
  int32_t* m_;      // [36][kWinogradTiles][out]
  float* scratch_;  // [36][in], one tile of V before rounding
  float tile_scale_[kWinogradTiles];
};

}  // namespace
}  // namespace octoscale::kernels
