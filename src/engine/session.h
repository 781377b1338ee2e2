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
#include "engine/band_schedule.h"
#include "engine/plan.h"
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
  int frames_max = 8;  // frames that may be scheduled together
  int patch_size = 0;  // columns of a work item, 0 = auto
  int threads = 1;
  size_t memory_bytes_max = 0;  // 0 = no bound
};

// Where the result of one frame goes: a Frame, or planar unrounded floats.
struct FrameJob {
  const Frame* in = nullptr;
  Frame* out = nullptr;
  float* out_f32 = nullptr;  // [3][scale*height][scale*width], instead of out
  bool finite = true;        // results
  bool black = false;        // some work item came out all black though its input is not
};

class Session {
 public:
  // Errors: ResourceExhausted when one band needs more than memory_bytes_max or memory is short.
  static Result<std::unique_ptr<Session>> Create(const PackedNetwork& network,
                                                 const SessionOptions& options);

  const SessionOptions& options() const { return options_; }
  // Bytes of activations held.
  size_t memory_bytes() const { return memory_bytes_; }

  // Runs jobs of options().size, any number of them.
  Status Run(std::span<FrameJob> jobs, ThreadPool* pool, const CancelToken& cancel);

 private:
  struct TensorMemory {
    AlignedBuffer<std::byte> rows;
    AlignedBuffer<std::byte> rest;  // of a trunk in bf16: what rounding left over
    size_t row_bytes = 0;
    size_t left_bytes = 0;  // offset of pixel 0 in a row
  };

  Session(const PackedNetwork& network, const SessionOptions& options)
      : network_(network), options_(options) {}

  void ChooseGeometry();
  size_t MeasureMemory() const;
  void Allocate();
  size_t RowBytes(const PlanTensor& tensor) const;
  size_t RowCount(const PlanTensor& tensor) const;
  int ElementBytes(const PlanTensor& tensor) const;

  bool HasRest(int tensor) const;
  // Offset of row y of a tensor for a frame of the group; y inside the picture.
  size_t RowOffset(int tensor, int frame, int y) const;
  // The row; a row of zeros outside the picture.
  const std::byte* Row(int tensor, int frame, int y) const;
  std::byte* MutableRow(int tensor, int frame, int y);
  std::byte* RestRow(int tensor, int frame, int y);

  void RunItem(const PlanNode& node, const BandItem& item, std::span<FrameJob> group,
               std::byte* workspace);
  void RunInput(const PlanNode& node, const BandItem& item, const FrameJob& job,
                std::byte* workspace);
  void RunConv(const PlanNode& node, const BandItem& item, std::byte* workspace);
  void RunOutput(const PlanNode& node, const BandItem& item, FrameJob* job, std::byte* workspace);

  const PackedNetwork& network_;
  SessionOptions options_;
  int band_rows_ = 8;      // input rows of a band, a multiple of 4
  int bands_ = 0;          // of a frame
  int chunk_columns_ = 0;  // input columns of a work item
  int chunks_ = 0;
  int group_frames_ = 1;
  size_t memory_bytes_ = 0;
  std::vector<TensorMemory> tensors_;
  AlignedBuffer<std::byte> zero_row_;
  std::vector<AlignedBuffer<std::byte>> workspaces_;
};

}  // namespace octoscale
