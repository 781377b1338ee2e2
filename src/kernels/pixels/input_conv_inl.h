// Kernel-private; include once per instruction set.
#pragma once

#include "kernels/conv3x3/epilogue_inl.h"
#include "kernels/pixels/pixels.h"

namespace octoscale::kernels {
namespace {

template <class S>
class InputConv {
 public:
  using F = typename S::F;

  InputConv(const PackedInputConv& conv, const InputConvArgs& args)
      : conv_(conv), args_(args), pixels_(reinterpret_cast<float*>(args.workspace)) {}

  void Run() {
    for (int y = 0; y < args_.rows; ++y) {
      for (int x = args_.x_begin; x < args_.x_end; x += kColumns) {
        const int end = x + kColumns < args_.x_end ? x + kColumns : args_.x_end;
        for (int dy = 0; dy < 3; ++dy) Load(y + dy, dy, x - 1);
        RunColumns(y, x, end);
      }
    }
  }

 private:
  static constexpr int kColumns = 252;  // output pixels at a time, a multiple of kPixels
  static constexpr int kLineFloats = kColumns + 2 + 8;

  // Row `row` from column x on, three lines of floats, zero outside the picture.
  void Load(int row, int slot, int x) {
    for (int p = 0; p < 3; ++p) {
      float* line = Line(slot, p);
      const void* plane = args_.plane_rows[p][row];
      int begin = x < 0 ? -x : 0;
      int end = args_.width - x < kLineFloats ? args_.width - x : kLineFloats;
      if (plane == nullptr) begin = end = 0;
      for (int i = 0; i < begin; ++i) line[i] = 0;
      if (begin >= end) {
        begin = end = 0;
      } else if (args_.sample == Sample::kU8) {
        Convert(static_cast<const uint8_t*>(plane) + x, begin, end, 1.f / 255.f, line);
      } else {
        Convert(static_cast<const uint16_t*>(plane) + x, begin, end, 1.f / 65535.f, line);
      }
      for (int i = end; i < kLineFloats; ++i) line[i] = 0;
    }
  }

  template <typename T>
  static void Convert(const T* in, int begin, int end, float unit, float* __restrict line) {
    for (int i = begin; i < end; ++i) line[i] = static_cast<float>(in[i]) * unit;
  }

  float* Line(int slot, int plane) const { return pixels_ + (slot * 3 + plane) * kLineFloats; }

  void RunColumns(int row, int x_begin, int x_end) const {
    constexpr int kBlock = S::kOutVectors * S::kWidth;
    for (int x = x_begin; x < x_end; x += S::kPixels) {
      const int at = x - x_begin;
      for (int channel = 0; channel + kBlock <= conv_.out_channels; channel += kBlock) {
        RunBlock<S::kOutVectors>(at, row, x, x_end, channel);
      }
      for (int channel = conv_.out_channels / kBlock * kBlock; channel < conv_.out_channels;
           channel += S::kWidth) {
        RunBlock<1>(at, row, x, x_end, channel);
      }
    }
  }

  template <int kVectors>
  inline __attribute__((always_inline)) void RunBlock(int at, int row, int x, int x_end,
                                                      int channel) const {
    F acc[S::kPixels][kVectors];
#pragma GCC unroll 6
    for (int p = 0; p < S::kPixels; ++p) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        acc[p][v] = S::Load(conv_.bias.data() + channel + v * S::kWidth);
      }
    }
    for (int dy = 0; dy < 3; ++dy) {
      for (int plane = 0; plane < 3; ++plane) {
        const float* line = Line(dy, plane) + at;
        for (int dx = 0; dx < 3; ++dx) {
          const float* w = conv_.weight.data() +
                           static_cast<ptrdiff_t>((dy * 3 + dx) * 3 + plane) * conv_.out_channels +
                           channel;
          F weights[kVectors];
#pragma GCC unroll 4
          for (int v = 0; v < kVectors; ++v) weights[v] = S::Load(w + v * S::kWidth);
#pragma GCC unroll 6
          for (int p = 0; p < S::kPixels; ++p) {
            const F a = S::Set1(line[p + dx]);
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) acc[p][v] = S::Fma(a, weights[v], acc[p][v]);
          }
        }
      }
    }
#pragma GCC unroll 6
    for (int p = 0; p < S::kPixels; ++p) {
      if (x + p >= x_end) break;
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) Store(acc[p][v], row, x + p, channel + v * S::kWidth);
    }
  }

  void Store(F v, int row, int x, int channel) const {
    v = S::Fma(S::Min(S::Zero(), v), S::Load(conv_.slope.data() + channel), S::Max(S::Zero(), v));
    const ptrdiff_t offset =
        static_cast<ptrdiff_t>(x) * conv_.out_channels * StorageBytes(args_.storage);
    std::byte* out = args_.out_rows[row] + offset;
    if (args_.storage == Storage::kF32) {
      StoreStored<S, Storage::kF32>(out, channel, v);
    } else if (args_.storage == Storage::kF16) {
      StoreStored<S, Storage::kF16>(out, channel, v);
    } else {
      StoreStored<S, Storage::kBf16>(out, channel, v);
      if (args_.out_rest_rows == nullptr) return;
      const F kept = LoadStored<S, Storage::kBf16>(out, channel);
      StoreStored<S, Storage::kBf16>(args_.out_rest_rows[row] + offset, channel, S::Sub(v, kept));
    }
  }

  const PackedInputConv& conv_;
  const InputConvArgs& args_;
  float* pixels_;
};

}  // namespace
}  // namespace octoscale::kernels
