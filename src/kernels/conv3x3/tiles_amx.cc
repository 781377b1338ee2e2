// Direct convolution on AMX tiles: 16 pixels x 32 channels of bf16 times 32 channels x 16 outputs.
// A row of NHWC pixels already is the left operand, so taps are plain address shifts.
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

// Not on the stack: GCC 12's _tile_loadconfig tells the compiler of eight bytes only.
constexpr TileConfig kTileConfig;

// kPlain: no residual and bf16 output, the case that needs the shortest epilogue.
template <bool kPlain>
class TileConv {
 public:
  TileConv(const PackedConv& conv, const ConvArgs& args)
      : conv_(conv),
        args_(args),
        epilogue_(conv, args),
        sums_(reinterpret_cast<float*>(args.workspace)),
        bias_(sums_ + 2 * kBlockFloats),
        up_(conv.upsample ? 1 : 0),
        side_(conv.upsample ? 2 : 3),
        steps_(side_ * side_ * conv.in_channels / 32) {}

  void Run() {
    _tile_loadconfig(&kTileConfig);
    const int groups = conv_.out_channels_padded / 16;
    const int end = (args_.x_end + up_) >> up_;
    for (int x = args_.x_begin >> up_; x < end; x += kPanelPixels) {
      const int panel_end = x + kPanelPixels < end ? x + kPanelPixels : end;
      for (int phase = 0; phase < (up_ ? 4 : 1); ++phase) {
        for (int group = 0; group < groups; ++group) {
          RunGroup(phase, group, x, panel_end,
                   conv_.weight.data() +
                       (static_cast<ptrdiff_t>(phase) * groups + group) * steps_ * 1024);
        }
      }
    }
    FinishVectors(kBlockPixels);
    _tile_release();
  }

 private:
  static constexpr int kBlockPixels = 64;  // four tiles
  static constexpr int kBlockFloats = kBlockPixels * 16;
  static constexpr int kPanelPixels = 256;  // their rows stay in L2 while all outputs are computed

  // 16 outputs. Rows inside columns: the weights and the input rows shared with the next row stay
  // in L1.
  void RunGroup(int phase, int group, int begin, int end, const std::byte* weights) {
    for (int p = 0; p < 16; ++p) {
      _mm512_storeu_ps(bias_ + p * 16, _mm512_loadu_ps(conv_.bias.data() + group * 16));
    }
    for (int x = begin; x < end; x += kBlockPixels) {
      for (int row = phase / 2; row < args_.rows; row += 1 + up_) {
        const int tiles = end - x >= kBlockPixels ? 4 : (end - x + 15) / 16;
        switch (tiles) {
          case 4:
            Multiply<4>(phase, row >> up_, x, weights);
            break;
          case 3:
            Multiply<3>(phase, row >> up_, x, weights);
            break;
          case 2:
            Multiply<2>(phase, row >> up_, x, weights);
            break;
          default:
            Multiply<1>(phase, row >> up_, x, weights);
            break;
        }
        const int valid = (args_.x_end - (x << up_) - phase % 2 + up_) >> up_;
        const int out_x = (x << up_) + phase % 2;
        pending_ = {
            sums_,
            args_.out_rows[row] +
                (static_cast<ptrdiff_t>(out_x) * conv_.out_channels_padded + group * 16) * 2,
            row,
            out_x,
            group * 16,
            0,
            valid < kBlockPixels ? valid : kBlockPixels};
        sums_ = reinterpret_cast<float*>(args_.workspace) +
                (sums_ == reinterpret_cast<float*>(args_.workspace) ? kBlockFloats : 0);
      }
    }
  }

  // Sums of kTiles*16 pixels x 16 outputs into sums_. Between the multiplications, which the tile
  // unit does on its own, the vector units finish the block before.
  template <int kTiles>
  __attribute__((noinline)) void Multiply(int phase, int row, int x, const std::byte* w) {
    _tile_loadd(0, bias_, 64);
    if constexpr (kTiles > 1) _tile_loadd(1, bias_, 64);
    if constexpr (kTiles > 2) _tile_loadd(2, bias_, 64);
    if constexpr (kTiles > 3) _tile_loadd(3, bias_, 64);
    // With 2x2 windows an even output row starts one input row up, an odd one at its own.
    const int row_shift = up_ ? phase / 2 : 0;
    const int column_shift = up_ ? phase % 2 : 0;
    const int quota = (kBlockPixels + steps_ - 1) / steps_;
    for (int dy = 0; dy < side_; ++dy) {
      for (int dx = 0; dx < side_; ++dx) {
        for (int s = 0; s < args_.source_count; ++s) {
          const ConvSource& source = args_.sources[s];
          const ptrdiff_t stride = static_cast<ptrdiff_t>(source.channels) * 2;
          const std::byte* pixels =
              source.rows[row + dy + row_shift] + (x + dx + column_shift - 1) * stride;
          for (int c = 0; c < source.channels; c += 32, w += 1024, pixels += 64) {
            _tile_loadd(6, w, 64);
            _tile_loadd(4, pixels, stride);
            _tile_dpbf16ps(0, 4, 6);
            if constexpr (kTiles > 1) {
              _tile_loadd(5, pixels + 16 * stride, stride);
              _tile_dpbf16ps(1, 5, 6);
            }
            if constexpr (kTiles > 2) {
              _tile_loadd(4, pixels + 32 * stride, stride);
              _tile_dpbf16ps(2, 4, 6);
            }
            if constexpr (kTiles > 3) {
              _tile_loadd(5, pixels + 48 * stride, stride);
              _tile_dpbf16ps(3, 5, 6);
            }
            FinishVectors(quota);
          }
        }
      }
    }
    FinishVectors(kBlockPixels);
    _tile_stored(0, sums_, 64);
    if constexpr (kTiles > 1) _tile_stored(1, sums_ + 256, 64);
    if constexpr (kTiles > 2) _tile_stored(2, sums_ + 512, 64);
    if constexpr (kTiles > 3) _tile_stored(3, sums_ + 768, 64);
  }

  // The next `count` pixels of the pending block.
  inline __attribute__((always_inline)) void FinishVectors(int count) {
    const int end =
        pending_.next + count < pending_.pixels ? pending_.next + count : pending_.pixels;
    const float* sum = pending_.sums + pending_.next * 16;
    if constexpr (kPlain) {
      const __m512 slope = _mm512_loadu_ps(conv_.slope.data() + pending_.channel);
      const __m512 zero = _mm512_setzero_ps();
      const ptrdiff_t step = static_cast<ptrdiff_t>(conv_.out_channels_padded) * 2 << up_;
      std::byte* out = pending_.out + pending_.next * step;
      for (int p = pending_.next; p < end; ++p, sum += 16, out += step) {
        const __m512 v = _mm512_loadu_ps(sum);
        SimdAvx512Bf16::StoreBf16(
            reinterpret_cast<uint16_t*>(out),
            _mm512_fmadd_ps(_mm512_min_ps(zero, v), slope, _mm512_max_ps(zero, v)));
      }
    } else {
      for (int p = pending_.next; p < end; ++p, sum += 16) {
        epilogue_.Finish(_mm512_loadu_ps(sum), pending_.row, pending_.x + (p << up_),
                         pending_.channel);
      }
    }
    pending_.next = end;
  }

  // A block whose sums are known and whose outputs are not written yet.
  struct Pending {
    const float* sums = nullptr;  // [pixel][16], bias included
    std::byte* out = nullptr;     // kPlain: the first output
    int row = 0;
    int x = 0;
    int channel = 0;
    int next = 0;
    int pixels = 0;
  };

  const PackedConv& conv_;
  const ConvArgs& args_;
  Epilogue<SimdAvx512Bf16, Storage::kBf16> epilogue_;
  float* sums_;  // one of two blocks at the start of the workspace
  float* bias_;  // a tile of 16 equal rows, with which the sums start
  Pending pending_;
  int up_;
  int side_;
  int steps_;
};

}  // namespace

void RunTilesBf16Amx(const PackedConv& conv, const ConvArgs& args) {
  if (args.residual1_rows == nullptr && !args.out_f32) {
    TileConv<true>(conv, args).Run();
  } else {
    TileConv<false>(conv, args).Run();
  }
}

}  // namespace octoscale::kernels
