// A session: the working memory of a plan for one frame size, and the code that runs its nodes.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/cancel.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "engine/plan.h"
#include "engine/tile_geometry.h"
#include "engine/tile_schedule.h"
#include "frame/frame.h"
#include "kernels/conv3x3/conv3x3.h"
#include "kernels/pixels/pixels.h"

namespace octoscale {

// A plan with its weights packed for one precision and CPU level. Immutable, shared by threads.
struct PackedNetwork {
  Plan plan;
  kernels::ConvMethod method = kernels::ConvMethod::kDirectFp32;
  const kernels::ConvKernel* conv_kernel = nullptr;
  const kernels::PixelKernels* pixel_kernels = nullptr;
  kernels::PackedInputConv input;
  std::vector<kernels::PackedConv> convs;  // by index of NetworkWeights::convs; [0] is empty
};

struct SessionOptions {
  FrameSize size;
  int scale = 4;
  int frames = 1;      // of most Run()s; more are run one after the other
  int patch_size = 0;  // columns of a tile, 0 = auto
  int threads = 1;
};

// Where the result of one frame goes: a Frame, or planar unrounded floats.
struct FrameJob {
  const Frame* in = nullptr;
  Frame* out = nullptr;
  float* out_f32 = nullptr;  // [3][scale*height][scale*width], instead of out
  bool finite = true;        // results
  bool lit = false;          // some output sample is not 0
};

class Session {
 public:
  // Errors: ResourceExhausted (memory is short).
  static Result<std::unique_ptr<Session>> Create(const PackedNetwork& network,
                                                 const SessionOptions& options);

  const SessionOptions& options() const { return options_; }

  // Runs jobs of options().size, any number of them.
  Status Run(std::span<FrameJob> jobs, ThreadPool* pool, const CancelToken& cancel);

 private:
  // Rows of a tensor that threads share: of whole frames, or the lines between bands of tiles.
  struct SharedRows {
    AlignedBuffer<std::byte> rows;
    AlignedBuffer<std::byte> rest;  // of a trunk in bf16: what rounding left over
    size_t row_bytes = 0;
    size_t left_bytes = 0;  // offset of pixel 0 in a row
    size_t rows_per_slot = 0;
  };
  // Where a local tensor's block and its last columns lie in each thread's memory.
  struct Block {
    size_t offset = 0;
    size_t row_bytes = 0;
    size_t edge_offset = 0;
    size_t edge_row_bytes = 0;
  };
  struct ThreadMemory {
    AlignedBuffer<std::byte> blocks;
    AlignedBuffer<std::byte> workspace;
  };

  Session(const PackedNetwork& network, const SessionOptions& options)
      : network_(network), options_(options) {}

  void ChooseGeometry();
  void PlanGeometry(int slots, int rows, int columns);
  void PlaceBlocks(const PlanSegment& segment, const TileSegment& tiles);
  size_t MeasureMemory() const;
  void Allocate();

  const PlanTensor& tensor(int index) const { return network_.plan.tensors[index]; }
  int PixelBytes(int index) const;
  size_t SharedRowBytes(int index) const;
  size_t SharedRowCount(int index) const;
  bool HasRest(int index) const;

  struct TileRun;  // one tile on one thread

  void RunTile(const Tile& tile, FrameJob* job, ThreadMemory* memory);
  void RunInput(const TileRun& run, const PlanNode& node, const TileRegion& region);
  void RunConv(const TileRun& run, const PlanNode& node, const TileRegion& region);
  void RunOutput(const TileRun& run, const PlanNode& node, const TileRegion& region);
  void LoadEdge(const TileRun& run, int index);
  void SaveEdge(const TileRun& run, int index);

  // Row y of a tensor as its reader or writer sees it: the address is that of pixel 0, and only the
  // columns around the tile are there. Zeros outside the picture, from column x_zero on.
  const std::byte* Row(const TileRun& run, int index, int y, int x_zero);
  std::byte* MutableRow(const TileRun& run, int index, int y);
  std::byte* RestRow(const TileRun& run, int index, int y);

  const PackedNetwork& network_;
  SessionOptions options_;
  int slots_ = 1;  // frames in flight
  TileGeometry geometry_;
  std::vector<Block> blocks_;  // by tensor
  size_t block_bytes_ = 0;     // of one thread
  size_t zero_bytes_ = 0;
  std::vector<SharedRows> shared_;  // by tensor
  AlignedBuffer<std::byte> zeros_;
  std::vector<ThreadMemory> threads_;
};

}  // namespace octoscale
