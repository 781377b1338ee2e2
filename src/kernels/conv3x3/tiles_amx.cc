// Direct convolution on AMX tiles: 16 pixels x 32 channels of bf16 times 32 channels x 16 outputs.
// A row of NHWC pixels already is the left operand, so taps are plain address shifts.
#include "kernels/conv3x3/kernels.h"
#include "kernels/conv3x3/tiles_finish_inl.h"
#include "kernels/tile_config.h"

namespace octoscale::kernels {
namespace {

constexpr ptrdiff_t kTileBytes = 1024;
constexpr int kTileFloats = 256;
constexpr int kBlockFloats = 4 * kTileFloats;
constexpr int kPanelPixels = 256;  // their rows stay in L2 while all outputs are computed
constexpr int kRowsMax = 64;       // handled together
constexpr int kChunksMax = kConvChannelsMax / 32;

constexpr int Min(int a, int b) { return a < b ? a : b; }
constexpr int Max(int a, int b) { return a > b ? a : b; }

// 32 channels of one tap: where they are for the block that begins at column 0.
struct Step {
  const std::byte* pixels;
  ptrdiff_t stride;
};

struct Workspace {
  alignas(64) float sums[kBlockFloats];  // [group][pixel][16] of one block
  Step steps[kRowsMax][9 * kChunksMax];
};
static_assert(sizeof(Workspace) <= kConvWorkspaceBytes);

template <TileOutput kOutput>
class TileConv {
 public:
  TileConv(const PackedConv& conv, const ConvArgs& args)
      : conv_(conv),
        args_(args),
        work_(reinterpret_cast<Workspace*>(args.workspace)),
        up_(conv.upsample ? 1 : 0),
        side_(conv.upsample ? 2 : 3),
        taps_(side_ * side_),
        chunks_(conv.in_channels / 32),
        groups_(conv.out_channels_padded / 16) {}

  void Run() {
    _tile_loadconfig(&kTileConfig);
    const int end = (args_.x_end + up_) >> up_;
    for (first_row_ = 0; first_row_ < args_.rows; first_row_ += kRowsMax << up_) {
      for (int x = args_.x_begin >> up_; x < end; x += kPanelPixels) {
        for (int phase = 0; phase < (up_ ? 4 : 1); ++phase) {
          RunPhase(phase, x, Min(end, x + kPanelPixels));
        }
      }
    }
    _tile_release();
  }

 private:
  // One of the four parities of output pixels when upsampling, or all pixels.
  // [begin, end): input columns.
  void RunPhase(int phase, int begin, int end) {
    phase_row_ = phase / 2;
    phase_column_ = phase % 2;
    begin = Max(begin, (args_.x_begin - phase_column_ + up_) >> up_);
    end = Min(end, (args_.x_end - phase_column_ + up_) >> up_);
    const int rows_left = (args_.rows - first_row_ - phase_row_ + up_) >> up_;
    rows_ = Min(kRowsMax, rows_left);
    if (begin >= end || rows_ <= 0) return;
    for (int r = 0; r < rows_; ++r) ListSteps(r, work_->steps[r]);
    const std::byte* weights = conv_.weight.data() + static_cast<ptrdiff_t>(phase) * groups_ *
                                                         taps_ * chunks_ * kTileBytes;
    int group = 0;
    {
      TileBlock<kOutput, 2> pending(conv_, args_);
      for (; group + 2 <= groups_; group += 2) {
        RunGroups(group, begin, end, weights, &pending);
      }
      pending.FinishAll();
    }
    if (group < groups_) {
      TileBlock<kOutput, 1> pending(conv_, args_);
      RunGroups(group, begin, end, weights, &pending);
      pending.FinishAll();
    }
  }

  // The steps of an output row in the order of the weights: taps, channels.
  void ListSteps(int r, Step* step) const {
    struct Chunk {
      const std::byte* const* rows;
      ptrdiff_t stride;
      ptrdiff_t offset;
    } chunks[kChunksMax];
    int count = 0;
    for (int s = 0; s < args_.source_count; ++s) {
      const ConvSource& source = args_.sources[s];
      for (int c = 0; c < source.channels; c += 32) {
        chunks[count++] = {source.rows, static_cast<ptrdiff_t>(source.channels) * 2,
                           static_cast<ptrdiff_t>(c) * 2};
      }
    }
    // With 2x2 windows an even output row starts one input row up, an odd one at its own.
    const int first_row = (first_row_ >> up_) + r + (up_ ? phase_row_ : 0);
    const int first_column = (up_ ? phase_column_ : 0) - 1;
    for (int tap = 0; tap < taps_; ++tap) {
      for (int c = 0; c < chunks_; ++c) {
        const Chunk& chunk = chunks[c];
        *step++ = {chunk.rows[first_row + tap / side_] + chunk.offset +
                       (first_column + tap % side_) * chunk.stride,
                   chunk.stride};
      }
    }
  }

  template <int kGroups>
  void RunGroups(int group, int begin, int end, const std::byte* weights,
                 TileBlock<kOutput, kGroups>* pending) {
    using Block = TileBlock<kOutput, kGroups>;
    weights += static_cast<ptrdiff_t>(group) * taps_ * chunks_ * kTileBytes;
    for (int x = begin; x < end; x += Block::kPixels) {
      const int tiles = Min(Block::kPixels / 16, (end - x + 15) / 16);
      const int pixels = Min(Block::kPixels, end - x);
      if (tiles == 1) {
        RunColumn<1>(group, x, pixels, weights, pending);
      } else if (kGroups == 2 || tiles == 2) {
        RunColumn<2>(group, x, pixels, weights, pending);
      } else if constexpr (kGroups == 1) {
        RunColumn<4>(group, x, pixels, weights, pending);
      }
    }
  }

  // Rows inside columns: the weights and the input rows shared with the next row stay in L1.
  template <int kTiles, int kGroups>
  void RunColumn(int group, int x, int pixels, const std::byte* weights,
                 TileBlock<kOutput, kGroups>* pending) {
    constexpr int kVectors = 2 / kGroups;  // a pixel of two groups or two pixels of one
    // A step reads 1 KB of weights a group; up to 36 KB stay in L1.
    const int count = taps_ * chunks_;
    for (int r = 0; r < rows_; ++r) {
      if (count >= 32) {
        Multiply<kTiles, kVectors, true>(work_->steps[r], count, x, weights, pending);
      } else if (kGroups == 2 && count > 18) {
        Multiply<kTiles, 2 * kVectors, true>(work_->steps[r], count, x, weights, pending);
      } else if (count >= 16) {
        Multiply<kTiles, 2 * kVectors, false>(work_->steps[r], count, x, weights, pending);
      } else {
        Multiply<kTiles, 4 * kVectors, false>(work_->steps[r], count, x, weights, pending);
      }
      pending->SetChannel(conv_, group * 16);
      pending->Start(work_->sums, first_row_ + (r << up_) + phase_row_, (x << up_) + phase_column_,
                     pixels);
    }
  }

  // Sums of kTiles * 16 pixels x kGroups * 16 outputs. Between the multiplications, which the tile
  // unit does on its own, the vector units finish the block before, kFinish pixels in each of the
  // last steps: the first ones still wait for its sums.
  // kStream: the weights are too many for L1, in which the pixels shall stay.
  template <int kTiles, int kFinish, bool kStream, int kGroups>
  __attribute__((noinline)) void Multiply(const Step* step, int count, ptrdiff_t x,
                                          const std::byte* w,
                                          TileBlock<kOutput, kGroups>* pending) const {
    float* sums = work_->sums;
    _tile_zero(0);
    if constexpr (kTiles > 1) _tile_zero(1);
    if constexpr (kGroups > 1 || kTiles > 2) _tile_zero(2);
    if constexpr (kGroups * kTiles > 2) _tile_zero(3);
    TileBlock<kOutput, kGroups> block = *pending;
    const int finishing = Min(count, block.left() / kFinish);
    block.Finish(block.left() - finishing * kFinish);
    const Step* middle = step + (count - finishing);
    const Step* end = step + count;
    for (; step != middle; ++step, w += kGroups * kTileBytes) {
      MultiplyStep<kTiles, kGroups, kStream>(*step, x, w);
    }
    for (; step != end; ++step, w += kGroups * kTileBytes) {
      MultiplyStep<kTiles, kGroups, kStream>(*step, x, w);
      block.template FinishPixels<kFinish>();
    }
    pending->SetFinished();
    _tile_stored(0, sums, 64);
    if constexpr (kTiles > 1) _tile_stored(1, sums + kTileFloats, 64);
    if constexpr (kGroups > 1 || kTiles > 2) _tile_stored(2, sums + 2 * kTileFloats, 64);
    if constexpr (kGroups * kTiles > 2) _tile_stored(3, sums + 3 * kTileFloats, 64);
  }

  template <int kTiles, int kGroups, bool kStream>
  static inline __attribute__((always_inline)) void MultiplyStep(const Step& step, ptrdiff_t x,
                                                                 const std::byte* w) {
    const ptrdiff_t stride = step.stride;
    const std::byte* pixels = step.pixels + x * stride;
    if constexpr (kStream) {
      _tile_stream_loadd(6, w, 64);
    } else {
      _tile_loadd(6, w, 64);
    }
    _tile_loadd(4, pixels, stride);
    if constexpr (kGroups > 1 && kStream) _tile_stream_loadd(7, w + kTileBytes, 64);
    if constexpr (kGroups > 1 && !kStream) _tile_loadd(7, w + kTileBytes, 64);
    if constexpr (kTiles > 1) _tile_loadd(5, pixels + 16 * stride, stride);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (kGroups > 1) _tile_dpbf16ps(2, 4, 7);
    if constexpr (kTiles > 1) _tile_dpbf16ps(1, 5, 6);
    if constexpr (kGroups > 1 && kTiles > 1) _tile_dpbf16ps(3, 5, 7);
    if constexpr (kTiles > 2) {
      _tile_loadd(4, pixels + 32 * stride, stride);
      _tile_dpbf16ps(2, 4, 6);
      _tile_loadd(5, pixels + 48 * stride, stride);
      _tile_dpbf16ps(3, 5, 6);
    }
  }

  const PackedConv& conv_;
  const ConvArgs& args_;
  Workspace* work_;
  int up_;
  int side_;
  int taps_;
  int chunks_;
  int groups_;
  int first_row_ = 0;  // of the output rows in work
  int rows_ = 0;       // of this phase
  int phase_row_ = 0;
  int phase_column_ = 0;
};

}  // namespace

void RunTilesBf16Amx(const PackedConv& conv, const ConvArgs& args) {
  if (args.residual1_rows != nullptr || args.residual2_rows != nullptr ||
      args.out_rest_rows != nullptr) {
    TileConv<TileOutput::kAny>(conv, args).Run();
  } else if (args.out_f32) {
    TileConv<TileOutput::kF32>(conv, args).Run();
  } else {
    TileConv<TileOutput::kBf16>(conv, args).Run();
  }
}

}  // namespace octoscale::kernels
