// Direct convolution on AMX tiles: 16 pixels x 32 channels of bf16 times 32 channels x 16 outputs.
// A row of NHWC pixels is already the left operand, so taps are plain address shifts.
#include "kernels/conv3x3/epilogue_inl.h"
#include "kernels/conv3x3/kernels.h"
#include "kernels/conv3x3/simd_avx512bf16.h"

namespace octoscale::kernels {
namespace {

struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

class TileConv {
 public:
  TileConv(const PackedConv& conv, const ConvArgs& args)
      : conv_(conv),
        args_(args),
        epilogue_(conv, args),
        sums_(reinterpret_cast<float*>(args.workspace)),
        side_(conv.upsample ? 2 : 3),
        steps_(side_ * side_ * conv.in_channels / 32) {}

  void Run() {
    const TileConfig config;
    _tile_loadconfig(&config);
    for (int phase = 0; phase < (conv_.upsample ? 4 : 1); ++phase) {
      for (int channel = 0; channel < conv_.out_channels_padded; channel += 32) {
        RunPhase(phase, channel);
      }
    }
    _tile_release();
  }

 private:
  static constexpr int kPixels = 32;  // of a block: two tiles

  void RunPhase(int phase, int channel) {
    const int groups = conv_.out_channels_padded / 16;
    const auto* weights = conv_.weight.data() +
                          (static_cast<ptrdiff_t>(phase) * groups + channel / 16) * steps_ * 1024;
    const int up = conv_.upsample ? 1 : 0;
    const int begin = args_.x_begin >> up;
    const int end = (args_.x_end + up) >> up;
    for (int row = phase / 2; row < args_.rows; row += 1 + up) {
      for (int x = begin; x < end; x += kPixels) {
        if (channel + 16 < conv_.out_channels_padded) {
          Multiply<2>(phase, row >> up, x, weights);
          Finish<2>(phase, row, x, channel);
        } else {
          Multiply<1>(phase, row >> up, x, weights);
          Finish<1>(phase, row, x, channel);
        }
      }
    }
  }

  // Sums of 32 pixels x kGroups*16 outputs into sums_[tile][16][16].
  template <int kGroups>
  __attribute__((noinline)) void Multiply(int phase, int row, int x, const std::byte* w) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    const ptrdiff_t group_bytes = static_cast<ptrdiff_t>(steps_) * 1024;
    // With 2x2 windows an even output row starts one input row up, an odd one at its own.
    const int row_shift = conv_.upsample ? phase / 2 : 0;
    const int column_shift = conv_.upsample ? phase % 2 : 0;
    for (int dy = 0; dy < side_; ++dy) {
      for (int dx = 0; dx < side_; ++dx) {
        for (int s = 0; s < args_.source_count; ++s) {
          const ConvSource& source = args_.sources[s];
          const ptrdiff_t stride = static_cast<ptrdiff_t>(source.channels) * 2;
          const std::byte* pixels =
              source.rows[row + dy + row_shift] + (x + dx + column_shift - 1) * stride;
          for (int c = 0; c < source.channels; c += 32, w += 1024) {
            _tile_loadd(6, w, 64);
            _tile_loadd(4, pixels + c * 2, stride);
            _tile_dpbf16ps(0, 4, 6);
            _tile_loadd(5, pixels + c * 2 + 16 * stride, stride);
            _tile_dpbf16ps(1, 5, 6);
            if constexpr (kGroups == 2) {
              _tile_loadd(7, w + group_bytes, 64);
              _tile_dpbf16ps(2, 4, 7);
              _tile_dpbf16ps(3, 5, 7);
            }
          }
        }
      }
    }
    _tile_stored(0, sums_, 64);
    _tile_stored(1, sums_ + 256, 64);
    if constexpr (kGroups == 2) {
      _tile_stored(2, sums_ + 512, 64);
      _tile_stored(3, sums_ + 768, 64);
    }
  }

  template <int kGroups>
  __attribute__((noinline)) void Finish(int phase, int row, int x, int channel) {
    const int up = conv_.upsample ? 1 : 0;
    for (int group = 0; group < kGroups; ++group) {
      const __m512 bias = _mm512_loadu_ps(conv_.bias.data() + channel + group * 16);
      for (int p = 0; p < kPixels; ++p) {
        const int out_x = ((x + p) << up) + (phase % 2);
        if (out_x >= args_.x_end) break;
        const __m512 sum = _mm512_loadu_ps(sums_ + group * 512 + p * 16);
        epilogue_.Finish(_mm512_add_ps(sum, bias), row, out_x, channel + group * 16);
      }
    }
  }

  const PackedConv& conv_;
  const ConvArgs& args_;
  Epilogue<SimdAvx512Bf16, Storage::kBf16> epilogue_;
  float* sums_;
  int side_;
  int steps_;
};

}  // namespace

void RunTilesBf16Amx(const PackedConv& conv, const ConvArgs& args) { TileConv(conv, args).Run(); }

}  // namespace octoscale::kernels
