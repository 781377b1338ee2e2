#include "engine/session.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <new>
#include <string>

namespace octoscale {
namespace {

constexpr int kBandRowsMax = 16;
constexpr int kRowPointers = 4 * kBandRowsMax + 4;  // of a band at x4, with a row above and below
constexpr size_t kWholeFrameBytesMax = size_t{256} << 20;  // for more than one frame in a group
// Samples of a band this bright cannot come out black.
constexpr double kBlackInputMax = 0.125;

using RowPointers = std::array<const std::byte*, kRowPointers>;

bool IsBright(const Frame& frame, int y_begin, int y_end, int x_begin, int x_end) {
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    for (int y = y_begin; y < y_end; ++y) {
      for (int x = x_begin; x < x_end; ++x) {
        if (frame.sample_type() == SampleType::kU8) {
          if (frame.row(plane, y)[x] > kBlackInputMax * 255) return true;
        } else if (frame.row16(plane, y)[x] > kBlackInputMax * 65535) {
          return true;
        }
      }
    }
  }
  return false;
}

kernels::Sample SampleOf(SampleType type) {
  return type == SampleType::kU8 ? kernels::Sample::kU8 : kernels::Sample::kU16;
}

}  // namespace

Result<std::unique_ptr<Session>> Session::Create(const PackedNetwork& network,
                                                 const SessionOptions& options) {
  std::unique_ptr<Session> session(new Session(network, options));
  session->ChooseGeometry();
  session->memory_bytes_ = session->MeasureMemory();
  const size_t limit = options.memory_bytes_max;
  if (limit != 0 && session->memory_bytes_ > limit) {
    return ResourceExhausted("frames of " + std::to_string(options.size.width) + "x" +
                             std::to_string(options.size.height) + " need " +
                             std::to_string(session->memory_bytes_ >> 20) +
                             " MiB of working memory, the limit is " + std::to_string(limit >> 20) +
                             " MiB; raise the limit or use fewer threads");
  }
  try {
    session->Allocate();
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("no memory for the " + std::to_string(session->memory_bytes_ >> 20) +
                             " MiB that frames of " + std::to_string(options.size.width) + "x" +
                             std::to_string(options.size.height) + " need");
  }
  return session;
}

// Bands hold about 3,000 pixels, so that a layer's weights are read once for many pixels, and
// columns are cut only as far as the threads need items.
void Session::ChooseGeometry() {
  const int width = options_.size.width, height = options_.size.height;
  band_rows_ = std::clamp((3000 / width + 3) / 4 * 4, 4, kBandRowsMax);
  int nodes_min = 1000;
  int lag_max = 0;
  for (const PlanSegment& segment : network_.plan.segments) {
    if (segment.nodes.size() > 1) {
      nodes_min = std::min(nodes_min, static_cast<int>(segment.nodes.size()));
    }
    lag_max = std::max(lag_max, segment.lag_max);
  }
  constexpr int kAlign = kernels::kColumnAlign;
  const int wanted_chunks = (3 * options_.threads + nodes_min - 1) / nodes_min;
  int columns =
      options_.patch_size > 0 ? options_.patch_size : (width + wanted_chunks - 1) / wanted_chunks;
  columns = std::clamp((columns + kAlign - 1) / kAlign * kAlign, kAlign,
                       (width + kAlign - 1) / kAlign * kAlign);
  chunk_columns_ = columns;
  chunks_ = (width + columns - 1) / columns;

  size_t whole_frame_bytes = 0;
  bands_ = (height + band_rows_ - 1) / band_rows_;
  group_frames_ = 1;
  for (const PlanTensor& tensor : network_.plan.tensors) {
    if (tensor.whole_frame) whole_frame_bytes += RowBytes(tensor) * RowCount(tensor);
  }
  group_frames_ = options_.frames_max;
  if (whole_frame_bytes > 0) {
    // Enough frames that filling and draining the pipeline does not matter.
    const int enough = (8 * lag_max + bands_ - 1) / bands_;
    const int fit = static_cast<int>(std::max<size_t>(1, kWholeFrameBytesMax / whole_frame_bytes));
    group_frames_ = std::max(1, std::min({options_.frames_max, enough, fit}));
  }
  const size_t limit = options_.memory_bytes_max;
  if (limit == 0) return;
  while (group_frames_ > 1 && MeasureMemory() > limit) --group_frames_;
  while (band_rows_ > 4 && MeasureMemory() > limit) {
    band_rows_ -= 4;
    bands_ = (height + band_rows_ - 1) / band_rows_;
  }
}

int Session::ElementBytes(const PlanTensor& tensor) const {
  return tensor.fp32 ? 4 : kernels::StorageBytes(kernels::ConvStorage(network_.method));
}

size_t Session::RowBytes(const PlanTensor& tensor) const {
  const size_t pixels = (static_cast<size_t>(options_.size.width) << tensor.enlargement) +
                        kernels::kLeftPadPixels + kernels::kRightPadPixels;
  return (pixels * tensor.channels * ElementBytes(tensor) + 63) / 64 * 64;
}

size_t Session::RowCount(const PlanTensor& tensor) const {
  const int bands = tensor.whole_frame ? bands_ * group_frames_
                                       : std::min(tensor.ring_bands, bands_ * group_frames_);
  return static_cast<size_t>(bands) * (band_rows_ << tensor.enlargement);
}

size_t Session::MeasureMemory() const {
  size_t bytes = 0, row_bytes_max = 0;
  for (size_t i = 0; i < network_.plan.tensors.size(); ++i) {
    const PlanTensor& tensor = network_.plan.tensors[i];
    bytes += RowBytes(tensor) * RowCount(tensor) * (HasRest(static_cast<int>(i)) ? 2 : 1);
    row_bytes_max = std::max(row_bytes_max, RowBytes(tensor));
  }
  return bytes + row_bytes_max + options_.threads * kernels::kConvWorkspaceBytes;
}

void Session::Allocate() {
  size_t row_bytes_max = 0;
  for (const PlanTensor& tensor : network_.plan.tensors) {
    TensorMemory memory;
    memory.row_bytes = RowBytes(tensor);
    memory.left_bytes =
        static_cast<size_t>(kernels::kLeftPadPixels) * tensor.channels * ElementBytes(tensor);
    memory.rows = AlignedBuffer<std::byte>(memory.row_bytes * RowCount(tensor));
    memory.rows.Zero();
    if (HasRest(static_cast<int>(tensors_.size()))) {
      memory.rest = AlignedBuffer<std::byte>(memory.rows.size());
      memory.rest.Zero();
    }
    row_bytes_max = std::max(row_bytes_max, memory.row_bytes);
    tensors_.push_back(std::move(memory));
  }
  zero_row_ = AlignedBuffer<std::byte>(row_bytes_max);
  zero_row_.Zero();
  static_assert(kernels::kPixelsWorkspaceBytes <= kernels::kConvWorkspaceBytes);
  for (int i = 0; i < options_.threads; ++i) {
    workspaces_.emplace_back(kernels::kConvWorkspaceBytes);
  }
}

bool Session::HasRest(int tensor) const {
  return tensor >= 0 && network_.plan.tensors[tensor].trunk &&
         kernels::ConvStorage(network_.method) == kernels::Storage::kBf16;
}

size_t Session::RowOffset(int tensor, int frame, int y) const {
  const PlanTensor& shape = network_.plan.tensors[tensor];
  const TensorMemory& memory = tensors_[tensor];
  const int band_rows = band_rows_ << shape.enlargement;
  int band = frame * bands_ + y / band_rows;
  if (!shape.whole_frame) band %= shape.ring_bands;
  const size_t row = static_cast<size_t>(band) * band_rows + y % band_rows;
  return row * memory.row_bytes + memory.left_bytes;
}

const std::byte* Session::Row(int tensor, int frame, int y) const {
  const TensorMemory& memory = tensors_[tensor];
  const int height = options_.size.height << network_.plan.tensors[tensor].enlargement;
  if (y < 0 || y >= height) return zero_row_.data() + memory.left_bytes;
  return memory.rows.data() + RowOffset(tensor, frame, y);
}

std::byte* Session::MutableRow(int tensor, int frame, int y) {
  return tensors_[tensor].rows.data() + RowOffset(tensor, frame, y);
}

std::byte* Session::RestRow(int tensor, int frame, int y) {
  return tensors_[tensor].rest.data() + RowOffset(tensor, frame, y);
}

Status Session::Run(std::span<FrameJob> jobs, ThreadPool* pool, const CancelToken& cancel) {
  for (size_t first = 0; first < jobs.size(); first += group_frames_) {
    const std::span<FrameJob> group =
        jobs.subspan(first, std::min<size_t>(group_frames_, jobs.size() - first));
    BandSchedule schedule(network_.plan, static_cast<int>(group.size()), bands_, chunks_);
    OCTO_RETURN_IF_ERROR(schedule.Run(pool, cancel, [&](const BandItem& item, int thread) {
      RunItem(network_.plan.segments[item.segment].nodes[item.node], item, group,
              workspaces_[thread].data());
    }));
  }
  return OkStatus();
}

void Session::RunItem(const PlanNode& node, const BandItem& item, std::span<FrameJob> group,
                      std::byte* workspace) {
  switch (node.kind) {
    case NodeKind::kInput:
      return RunInput(node, item, group[item.frame], workspace);
    case NodeKind::kConv:
      return RunConv(node, item, workspace);
    case NodeKind::kOutput:
      return RunOutput(node, item, &group[item.frame], workspace);
  }
}

void Session::RunInput(const PlanNode& node, const BandItem& item, const FrameJob& job,
                       std::byte* workspace) {
  const int y = item.band * band_rows_;
  const int rows = std::min(band_rows_, options_.size.height - y);
  std::array<std::array<const void*, kRowPointers>, 3> planes;
  std::array<std::byte*, kRowPointers> out, out_rest;
  kernels::InputConvArgs args;
  for (int p = 0; p < Frame::kPlanes; ++p) {
    for (int i = 0; i < rows + 2; ++i) {
      const int row = y - 1 + i;
      planes[p][i] = row >= 0 && row < options_.size.height ? job.in->row(p, row) : nullptr;
    }
    args.plane_rows[p] = planes[p].data();
  }
  for (int i = 0; i < rows; ++i) {
    out[i] = MutableRow(node.output, item.frame, y + i);
    if (HasRest(node.output)) out_rest[i] = RestRow(node.output, item.frame, y + i);
  }
  if (HasRest(node.output)) args.out_rest_rows = out_rest.data();
  args.sample = SampleOf(job.in->sample_type());
  args.width = options_.size.width;
  args.rows = rows;
  args.x_begin = item.chunk * chunk_columns_;
  args.x_end = std::min(options_.size.width, args.x_begin + chunk_columns_);
  args.out_rows = out.data();
  args.storage = kernels::ConvStorage(network_.method);
  args.workspace = workspace;
  network_.pixel_kernels->input_conv(network_.input, args);
}

void Session::RunConv(const PlanNode& node, const BandItem& item, std::byte* workspace) {
  const PlanTensor& made = network_.plan.tensors[node.output];
  const int up = node.upsample ? 1 : 0;
  const int y = (item.band * band_rows_) << made.enlargement;
  const int rows = std::min(band_rows_, options_.size.height - item.band * band_rows_)
                   << made.enlargement;
  const int rows_in = ((rows + 3) / 4 * 4) >> up;
  std::array<RowPointers, kernels::kConvSourcesMax> sources;
  std::array<std::byte*, kRowPointers> out;
  std::array<std::byte*, kRowPointers> out_rest;
  std::array<RowPointers, 2> residuals, rests;
  kernels::ConvArgs args;
  args.source_count = static_cast<int>(node.inputs.size());
  for (int s = 0; s < args.source_count; ++s) {
    for (int i = 0; i < rows_in + 2; ++i) {
      sources[s][i] = Row(node.inputs[s], item.frame, (y >> up) - 1 + i);
    }
    args.sources[s] = {sources[s].data(), network_.plan.tensors[node.inputs[s]].channels};
  }
  for (int i = 0; i < rows; ++i) {
    out[i] = MutableRow(node.output, item.frame, y + i);
    if (HasRest(node.output)) out_rest[i] = RestRow(node.output, item.frame, y + i);
    for (int r = 0; r < 2; ++r) {
      const int tensor = r == 0 ? node.residual1 : node.residual2;
      if (tensor >= 0) residuals[r][i] = Row(tensor, item.frame, y + i);
      if (HasRest(tensor)) rests[r][i] = RestRow(tensor, item.frame, y + i);
    }
  }
  args.rows = rows;
  const int x = item.chunk * chunk_columns_;
  args.x_begin = x << made.enlargement;
  args.x_end = std::min(options_.size.width, x + chunk_columns_) << made.enlargement;
  args.out_rows = out.data();
  args.out_f32 = made.fp32;
  if (node.residual1 >= 0) args.residual1_rows = residuals[0].data();
  if (node.residual2 >= 0) args.residual2_rows = residuals[1].data();
  if (HasRest(node.residual1)) args.residual1_rest_rows = rests[0].data();
  if (HasRest(node.residual2)) args.residual2_rest_rows = rests[1].data();
  if (HasRest(node.output)) args.out_rest_rows = out_rest.data();
  args.workspace = workspace;
  kernels::RunConv(*network_.conv_kernel, network_.convs[node.weights], args);
}

void Session::RunOutput(const PlanNode& node, const BandItem& item, FrameJob* job,
                        std::byte* workspace) {
  const int y = item.band * band_rows_;
  const int scale = options_.scale;
  const bool shuffled = network_.plan.shuffled_output;
  const int enlargement = shuffled ? 0 : 2;
  RowPointers rows_in;
  std::array<std::array<const void*, kRowPointers>, 3> planes;
  std::array<std::array<void*, kRowPointers>, 3> out;
  kernels::OutputArgs args;
  args.shuffled = shuffled;
  args.scale = scale;
  args.width = options_.size.width;
  args.height = options_.size.height;
  args.y = y;
  args.rows = std::min(band_rows_, options_.size.height - y);
  args.x_begin = item.chunk * chunk_columns_;
  args.x_end = std::min(options_.size.width, args.x_begin + chunk_columns_);
  for (int i = 0; i < (args.rows << enlargement) + 2; ++i) {
    rows_in[i] = Row(node.inputs[0], item.frame, (y << enlargement) - 1 + i);
  }
  args.rows_in = reinterpret_cast<const float* const*>(rows_in.data());
  const size_t out_width = static_cast<size_t>(scale) * args.width;
  for (int p = 0; p < Frame::kPlanes; ++p) {
    for (int i = 0; i < args.rows + 2; ++i) {
      const int row = y - 1 + i;
      planes[p][i] = row >= 0 && row < args.height ? job->in->row(p, row) : nullptr;
    }
    for (int i = 0; i < args.rows * scale; ++i) {
      const int row = y * scale + i;
      out[p][i] =
          job->out != nullptr
              ? static_cast<void*>(job->out->row(p, row))
              : job->out_f32 + (static_cast<size_t>(p) * scale * args.height + row) * out_width;
    }
    args.plane_rows[p] = planes[p].data();
    args.out_rows[p] = out[p].data();
  }
  args.sample_in = SampleOf(job->in->sample_type());
  args.sample_out = job->out != nullptr ? SampleOf(job->out->sample_type()) : kernels::Sample::kF32;
  args.workspace = workspace;
  const kernels::OutputReport report = network_.pixel_kernels->output(args);
  if (!report.finite) std::atomic_ref(job->finite).store(false, std::memory_order_relaxed);
  if (report.black && IsBright(*job->in, y, y + args.rows, args.x_begin, args.x_end)) {
    std::atomic_ref(job->black).store(true, std::memory_order_relaxed);
  }
}

}  // namespace octoscale
