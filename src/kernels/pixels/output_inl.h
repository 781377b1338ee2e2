// Kernel-private; include once per instruction set. Plain loops that the compiler vectorises:
// without contraction or reassociation every instruction set computes the same bits.
#pragma once

#include "kernels/pixels/pixels.h"

namespace octoscale::kernels {
namespace {

class Output {
 public:
  explicit Output(const OutputArgs& args)
      : args_(args), lines_(reinterpret_cast<float*>(args.workspace)) {}

  OutputReport Run() {
    for (int x = args_.x_begin; x < args_.x_end; x += kColumns) {
      const int count = args_.x_end - x < kColumns ? args_.x_end - x : kColumns;
      for (int p = 0; p < 3; ++p) {
        if (args_.scale == 4) {
          CopyColumns(p, x, count);
        } else {
          ResampleColumns(p, x, count);
        }
      }
    }
    OutputReport report;
    report.finite = !poisoned_;
    report.black = samples_ == 0;
    return report;
  }

 private:
  using Floats = float __attribute__((vector_size(32)));
  using Integers = int32_t __attribute__((vector_size(32)));
  using Bytes = uint8_t __attribute__((vector_size(8)));
  using Words = uint16_t __attribute__((vector_size(16)));
  using Quad = float __attribute__((vector_size(16)));   // one row of a x4 pixel block
  static constexpr int32_t kExponentMask = 0x7f800000;   // all ones: NaN or infinity
  static constexpr int kColumns = 128;                   // input pixels at a time
  static constexpr int kLineFloats = kColumns * 4 + 32;  // one x4 line with a pixel on both sides

  // One line of the x4 picture: columns 4*x - 1 .. 4*(x + count) of x4 row 4*(y + args.y) + i,
  // clamped to the picture. i is -1 .. 4.
  void Fetch(int plane, int y, int i, int x, int count, float* line) const {
    int row = 4 * (args_.y + y) + i;
    if (row < 0) row = 0;
    if (row > 4 * args_.height - 1) row = 4 * args_.height - 1;
    if (args_.shuffled) {
      FetchShuffled(plane, row, x, count, line);
    } else {
      const float* from = args_.rows_in[row - (4 * args_.y - 1)];
      const int last = 4 * args_.width - 1;
      for (int k = 0; k < 4 * count + 2; ++k) {
        int column = 4 * x - 1 + k;
        column = column < 0 ? 0 : column > last ? last : column;
        line[k] = from[static_cast<ptrdiff_t>(column) * 16 + plane];
      }
    }
  }

  void FetchShuffled(int plane, int row, int x, int count, float* line) const {
    const int slot = row / 4 - (args_.y - 1);
    const float* from = args_.rows_in[slot] + plane * 16 + row % 4 * 4;
    const void* pixels = args_.plane_rows[plane][slot];
    float base[kColumns];
    InputValues(pixels, x, count, base);
    for (int k = 0; k < count; ++k) {
      Quad v;
      __builtin_memcpy(&v, from + static_cast<ptrdiff_t>(x + k) * 48, sizeof v);
      v += base[k];
      __builtin_memcpy(line + 1 + 4 * k, &v, sizeof v);
    }
    line[0] =
        x > 0 ? from[static_cast<ptrdiff_t>(x - 1) * 48 + 3] + InputValue(pixels, x - 1) : line[1];
    const int end = x + count;
    line[4 * count + 1] = end < args_.width
                              ? from[static_cast<ptrdiff_t>(end) * 48] + InputValue(pixels, end)
                              : line[4 * count];
  }

  float InputValue(const void* pixels, int x) const {
    float value;
    InputValues(pixels, x, 1, &value);
    return value;
  }

  void InputValues(const void* pixels, int x, int count, float* __restrict values) const {
    if (args_.sample_in == Sample::kU8) {
      const uint8_t* in = static_cast<const uint8_t*>(pixels) + x;
      for (int i = 0; i < count; ++i) values[i] = static_cast<float>(in[i]) * (1.f / 255.f);
    } else {
      const uint16_t* in = static_cast<const uint16_t*>(pixels) + x;
      for (int i = 0; i < count; ++i) values[i] = static_cast<float>(in[i]) * (1.f / 65535.f);
    }
  }

  // Taps of the cubic kernel (a = -0.75) at distances 1+t, t, 1-t, 2-t.
  struct Taps {
    int start;  // first x4 sample, relative to 4*x - 1
    float w[4];
  };
  static Taps TapsOf(int scale, int k) {
    constexpr Taps kHalf = {0, {-3.f / 32, 19.f / 32, 19.f / 32, -3.f / 32}};
    // t = 1/6: -0.75(t^3 - 2t^2 + t) = -75/864, 1.25t^3 - 2.25t^2 + 1 = 815/864, ...
    constexpr Taps kSixth = {0, {-75.f / 864, 815.f / 864, 139.f / 864, -15.f / 864}};
    if (scale == 2) return {kHalf.start + 2 * k, {kHalf.w[0], kHalf.w[1], kHalf.w[2], kHalf.w[3]}};
    if (k == 0) return kSixth;
    if (k == 1) return {1, {kHalf.w[0], kHalf.w[1], kHalf.w[2], kHalf.w[3]}};
    return {2, {kSixth.w[3], kSixth.w[2], kSixth.w[1], kSixth.w[0]}};
  }

  void CopyColumns(int plane, int x, int count) {
    for (int y = 0; y < args_.rows; ++y) {
      for (int i = 0; i < 4; ++i) {
        Fetch(plane, y, i, x, count, lines_);
        Emit(plane, y * 4 + i, x * 4, lines_ + 1, count * 4);
      }
    }
  }

  // The last two of the six x4 lines around an input row are the first two of the next one's.
  void ResampleColumns(int plane, int x, int count) {
    for (int y = 0; y < args_.rows; ++y) {
      const float* around[6];
      for (int i = 0; i < 6; ++i) {
        float* line = lines_ + (4 * y + i) % 6 * kLineFloats;
        if (i >= 2 || y == 0) Fetch(plane, y, i - 1, x, count, line);
        around[i] = line;
      }
      Resample(plane, y, x, count, around);
    }
  }

  // around: x4 lines 4*y - 1 .. 4*y + 4.
  void Resample(int plane, int y, int x, int count, const float* const* around) {
    float* __restrict column = lines_ + 6 * kLineFloats;
    float* result = lines_ + 7 * kLineFloats;
    const int scale = args_.scale;
    for (int k = 0; k < scale; ++k) {
      const Taps taps = TapsOf(scale, k);
      const float* const* a = around + taps.start;
      const float *a0 = a[0], *a1 = a[1], *a2 = a[2], *a3 = a[3];
      const float w0 = taps.w[0], w1 = taps.w[1], w2 = taps.w[2], w3 = taps.w[3];
      for (int i = 0; i < 4 * count + 2; ++i) {
        column[i] = (a0[i] * w0 + a1[i] * w1) + (a2[i] * w2 + a3[i] * w3);
      }
      for (int j = 0; j < scale; ++j) {
        const Taps t = TapsOf(scale, j);
        const float u0 = t.w[0], u1 = t.w[1], u2 = t.w[2], u3 = t.w[3];
        const float* from = column + t.start;
        for (int i = 0; i < count; ++i) {
          result[i * scale + j] = (from[4 * i] * u0 + from[4 * i + 1] * u1) +
                                  (from[4 * i + 2] * u2 + from[4 * i + 3] * u3);
        }
      }
      Emit(plane, y * scale + k, x * scale, result, count * scale);
    }
  }

  void Emit(int plane, int row, int x, const float* values, int count) {
    void* out = args_.out_rows[plane][row];
    if (args_.sample_out == Sample::kF32) {
      float* to = static_cast<float*>(out) + x;
      for (int i = 0; i < count; ++i) to[i] = values[i];
      for (int i = 0; i < count; ++i) samples_ |= values[i] > 0.f ? 1u : 0u;
    } else if (args_.sample_out == Sample::kU8) {
      Round<Bytes>(values, count, 255.f, static_cast<uint8_t*>(out) + x);
    } else {
      Round<Words>(values, count, 65535.f, static_cast<uint16_t*>(out) + x);
    }
    int32_t largest = 0;
    for (int i = 0; i < count; ++i) {
      int32_t bits;
      __builtin_memcpy(&bits, values + i, 4);
      bits &= kExponentMask;
      largest = bits > largest ? bits : largest;
    }
    poisoned_ |= largest == kExponentMask;
  }

  // Rounds half up and clamps. Written with vectors: GCC 12 leaves the plain loop scalar.
  template <typename Samples, typename T>
  void Round(const float* values, int count, float max, T* to) {
    Integers any = {};
    for (int i = 0; i < count; i += 8) {  // a line has room for whole vectors
      Floats v;
      __builtin_memcpy(&v, values + i, sizeof v);
      v = v * max + 0.5f;
      v = v > 0.f ? v : Floats{};
      v = v < max ? v : Floats{} + max;
      const Integers rounded = __builtin_convertvector(v, Integers);
      const Samples samples = __builtin_convertvector(rounded, Samples);
      const int valid = count - i < 8 ? count - i : 8;
      __builtin_memcpy(to + i, &samples, valid * sizeof(T));
      if (valid == 8) {
        any |= rounded;
      } else {
        for (int k = 0; k < valid; ++k) samples_ |= samples[k];
      }
    }
    for (int k = 0; k < 8; ++k) samples_ |= static_cast<uint32_t>(any[k]);
  }

  const OutputArgs& args_;
  float* lines_;
  uint32_t samples_ = 0;
  bool poisoned_ = false;
};

}  // namespace
}  // namespace octoscale::kernels
