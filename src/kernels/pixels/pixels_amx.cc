// First convolution on AMX tiles, from 8-bit samples to bf16. Samples 0..255 are exact in bf16;
// weights are the sum of two bf16 numbers, which keeps 16 bits of them.
#include "kernels/conv3x3/simd_avx512bf16.h"
#include "kernels/pixels/pixels_private.h"
#include "kernels/tile_config.h"

namespace octoscale::kernels {
namespace {

class InputTiles {
 public:
  InputTiles(const PackedInputConv& conv, const InputConvArgs& args)
      : conv_(conv),
        args_(args),
        groups_(conv.out_channels / 16),
        patches_(reinterpret_cast<uint16_t*>(args.workspace)),
        sums_(reinterpret_cast<float*>(args.workspace + kPatchBytes)),
        lines_(reinterpret_cast<uint16_t*>(args.workspace + kPatchBytes + 2 * kSumBytes)) {
    __builtin_memset(patches_, 0, kPatchBytes);
  }

  void Run() {
    _tile_loadconfig(&kTileConfig);
    for (int x = args_.x_begin; x < args_.x_end; x += kColumns) {
      const int count = args_.x_end - x < kColumns ? args_.x_end - x : kColumns;
      Load(0, x);
      Load(1, x);
      for (int y = 0; y < args_.rows; ++y) {
        Load(y + 2, x);
        for (int p = 0; p < count; p += 16) {
          Gather(y, p);
          Multiply();
          Finish();
          pending_ = {y, x + p, count - p < 16 ? count - p : 16, sums_};
          sums_ = other_sums();
        }
      }
    }
    Finish();
    _tile_release();
  }

 private:
  static constexpr int kColumns = 128;                 // output pixels at a time
  static constexpr int kLine = kColumns + 16;          // samples, with both neighbours and padding
  static constexpr ptrdiff_t kPatchBytes = 1024;       // 16 pixels x 32 samples
  static constexpr ptrdiff_t kSumBytes = 16 * 64 * 4;  // [group][16 pixels][16]

  // 16 pixels whose sums are known and whose outputs are not written yet.
  struct Pending {
    int row = 0;
    int x = 0;
    int pixels = 0;
    const float* sums = nullptr;
  };

  float* other_sums() {
    float* first = reinterpret_cast<float*>(args_.workspace + kPatchBytes);
    return sums_ == first ? first + kSumBytes / 4 : first;
  }

  uint16_t* Line(int row, int plane) const { return lines_ + (row % 3 * 3 + plane) * kLine; }

  // Input row `row` from column x - 1 on as bf16, zeros outside the picture.
  void Load(int row, int x) {
    for (int p = 0; p < 3; ++p) {
      uint16_t* line = Line(row, p);
      const auto* in = static_cast<const uint8_t*>(args_.plane_rows[p][row]);
      const int begin = x == 0 ? 1 : 0;
      int end = args_.width - (x - 1) < kLine ? args_.width - (x - 1) : kLine;
      if (in == nullptr) end = 0;
      line[0] = 0;
      int i = begin;
      for (; i + 16 <= end; i += 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + x - 1 + i));
        SimdAvx512Bf16::StoreBf16(line + i, _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes)));
      }
      for (; i < end; ++i) {
        const float value = in[x - 1 + i];
        uint32_t bits;
        __builtin_memcpy(&bits, &value, 4);
        line[i] = static_cast<uint16_t>(bits >> 16);
      }
      for (; i < kLine; ++i) line[i] = 0;
    }
  }

  // For each of 16 pixels the three neighbours in each of nine lines. Four are copied; the fourth
  // is overwritten by the next line, or meets a weight of zero.
  void Gather(int y, int p) {
    for (int plane = 0; plane < 3; ++plane) {
      for (int dy = 0; dy < 3; ++dy) {
        const uint16_t* from = Line(y + dy, plane) + p;
        uint16_t* to = patches_ + (plane * 3 + dy) * 3;
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) __builtin_memcpy(to + i * 32, from + i, 8);
      }
    }
  }

  // Tile numbers are part of the instructions: groups by twos.
  void Multiply() {
    // GCC 12 believes that tileloadd reads nothing, so it could move Gather's stores past it.
    __asm__ volatile("" ::: "memory");
    _tile_loadd(4, patches_, 64);
    const std::byte* w = conv_.tiles.data();
    for (int group = 0; group < groups_; group += 2, w += 4096) {
      const bool pair = group + 1 < groups_;
      const float* bias = conv_.bias.data() + group * 16;
      float* sums = sums_ + group * 256;
      _tile_loadd(0, bias, 0);  // sixteen equal rows
      _tile_loadd(5, w, 64);
      _tile_dpbf16ps(0, 4, 5);
      if (pair) {
        _tile_loadd(1, bias + 16, 0);
        _tile_loadd(6, w + 2048, 64);
        _tile_dpbf16ps(1, 4, 6);
      }
      _tile_loadd(5, w + 1024, 64);
      _tile_dpbf16ps(0, 4, 5);
      _tile_stored(0, sums, 64);
      if (pair) {
        _tile_loadd(6, w + 3072, 64);
        _tile_dpbf16ps(1, 4, 6);
        _tile_stored(1, sums + 256, 64);
      }
    }
  }

  void Finish() {
    if (pending_.pixels == 0) return;
    const ptrdiff_t step = static_cast<ptrdiff_t>(conv_.out_channels) * 2;
    std::byte* out = args_.out_rows[pending_.row] + pending_.x * step;
    int group = 0;
    for (; group + 1 < groups_; group += 2) FinishGroups<2>(group, out + group * 32, step);
    if (group < groups_) FinishGroups<1>(group, out + group * 32, step);
    pending_.pixels = 0;
  }

  static __m512 Activate(__m512 v, __m512 slope) {
    const __m512 zero = _mm512_setzero_ps();
    return _mm512_fmadd_ps(_mm512_min_ps(zero, v), slope, _mm512_max_ps(zero, v));
  }

  template <int kGroups>
  void FinishGroups(int group, std::byte* out, ptrdiff_t step) const {
    const float* slopes = conv_.slope.data() + group * 16;
    const __m512 slope = _mm512_loadu_ps(slopes);
    const __m512 slope2 = _mm512_loadu_ps(slopes + (kGroups - 1) * 16);
    const float* sum = pending_.sums + group * 256;
    for (int p = 0; p < pending_.pixels; ++p, sum += 16, out += step) {
      const __m512 v = Activate(_mm512_loadu_ps(sum), slope);
      if constexpr (kGroups == 2) {
        const __m512 v2 = Activate(_mm512_loadu_ps(sum + 256), slope2);
        _mm512_storeu_si512(out, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(v2, v)));
      } else {
        SimdAvx512Bf16::StoreBf16(reinterpret_cast<uint16_t*>(out), v);
      }
    }
  }

  const PackedInputConv& conv_;
  const InputConvArgs& args_;
  int groups_;
  uint16_t* patches_;  // [16 pixels][32], a left operand
  float* sums_;        // one of two blocks
  uint16_t* lines_;    // [3 rows][3 planes][kLine]
  Pending pending_;
};

}  // namespace

void RunInputConvAmx(const PackedInputConv& conv, const InputConvArgs& args) {
  const bool fits = args.sample == Sample::kU8 && args.storage == Storage::kBf16 &&
                    args.out_rest_rows == nullptr && conv.out_channels <= 64;
  if (!fits) return RunInputConvAvx512(conv, args);
  InputTiles(conv, args).Run();
}

}  // namespace octoscale::kernels
