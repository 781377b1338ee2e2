#include "engine/session.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <new>
#include <string>

namespace octoscale {
namespace {

constexpr int kTileRowsMax = 32;                    // input rows
constexpr int kRowPointers = 4 * kTileRowsMax + 8;  // of a tile at x4, with rows above and below
constexpr size_t kWholeFrameBytesMax = size_t{256} << 20;  // for more than one frame in flight
// Bands whose lines are kept: the one being written, the one above that it reads, and the one
// above that which may still be read.
constexpr int kLineSets = 3;
// Columns right of the picture that kernels read as zeros; blocks have room for them.
constexpr int kZeroColumns = 8;

template <typename T>
using RowPointers = std::array<T, kRowPointers>;

kernels::Sample SampleOf(SampleType type) {
  return type == SampleType::kU8 ? kernels::Sample::kU8 : kernels::Sample::kU16;
}

}  // namespace

struct Session::TileRun {
  Tile tile;
  FrameJob* job;
  ThreadMemory* memory;
  const TileSegment* segment;

  TileRegion Uncut(int offset, int enlargement) const {
    return UncutRegion(*segment, tile.band, tile.chunk, offset, enlargement);
  }
};

Result<std::unique_ptr<Session>> Session::Create(const PackedNetwork& network,
                                                 const SessionOptions& options) {
  std::unique_ptr<Session> session(new Session(network, options));
  session->ChooseGeometry();
  try {
    session->Allocate();
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("no memory for the " + std::to_string(session->MeasureMemory() >> 20) +
                             " MiB that frames of " + std::to_string(options.size.width) + "x" +
                             std::to_string(options.size.height) + " need");
  }
  return session;
}

// The blocks of a tile and the weights that it uses stay in L2; Winograd's weights are four times
// as large. Threads that share a frame need several tiles in a band.
void Session::ChooseGeometry() {
  const bool winograd = network_.method == kernels::ConvMethod::kWinogradInt16;
  int slots = std::max(1, std::min(options_.frames, options_.threads));
  size_t whole_frame_bytes = 0;
  for (size_t i = 0; i < network_.plan.tensors.size(); ++i) {
    const int index = static_cast<int>(i);
    if (!tensor(index).whole_frame) continue;
    whole_frame_bytes += SharedRowBytes(index) * options_.size.height * (HasRest(index) ? 2 : 1);
  }
  if (whole_frame_bytes > 0) {
    const size_t fit = std::max<size_t>(1, kWholeFrameBytesMax / whole_frame_bytes);
    slots = static_cast<int>(std::min<size_t>(slots, fit));
  }
  const int rows = winograd ? 32 : 16, columns_max = 128;
  int columns = columns_max;
  const int sharers = (options_.threads + slots - 1) / slots;
  if (sharers > 1) {
    columns = std::clamp(options_.size.width / (2 * sharers) / 32 * 32 + 32, 32, columns_max);
  }
  if (options_.patch_size > 0) columns = std::clamp((options_.patch_size + 15) / 16 * 16, 16, 4096);
  PlanGeometry(slots, rows, columns);
}

void Session::PlanGeometry(int slots, int rows, int columns) {
  const bool winograd = network_.method == kernels::ConvMethod::kWinogradInt16;
  slots_ = slots;
  geometry_ = PlanTiles(network_.plan, {.size = options_.size,
                                        .scale = options_.scale,
                                        .align = winograd ? 4 : 1,
                                        .rows = rows,
                                        .columns = columns});
  blocks_.assign(network_.plan.tensors.size(), {});
  block_bytes_ = zero_bytes_ = 0;
  for (size_t s = 0; s < network_.plan.segments.size(); ++s) {
    PlaceBlocks(network_.plan.segments[s], geometry_.segments[s]);
  }
}

// Blocks of tensors that are alive at the same time lie side by side; others share memory.
void Session::PlaceBlocks(const PlanSegment& segment, const TileSegment& tiles) {
  struct Placed {
    size_t begin, end;
    size_t last_reader;  // node
  };
  std::vector<Placed> placed;
  size_t edges = 0, blocks_end = 0;
  for (size_t n = 0; n < segment.nodes.size(); ++n) {
    const PlanNode& node = segment.nodes[n];
    for (int input : node.inputs) {
      const size_t columns = (static_cast<size_t>(tiles.columns) << tensor(input).enlargement) +
                             kernels::kLeftPadPixels + kernels::kRightPadPixels;
      zero_bytes_ = std::max(zero_bytes_, columns * PixelBytes(input));
    }
    if (node.output < 0 || tensor(node.output).whole_frame) continue;
    const int enlargement = tensor(node.output).enlargement;
    const int halo = geometry_.tensors[node.output].halo;
    const int columns = tiles.columns << enlargement;
    Block& block = blocks_[node.output];
    const int rows = (tiles.rows << enlargement) - halo;
    block.row_bytes = static_cast<size_t>(columns + halo + kZeroColumns) * PixelBytes(node.output);
    block.edge_row_bytes = static_cast<size_t>(halo) * PixelBytes(node.output);
    block.edge_offset = edges;
    edges += block.edge_row_bytes * rows;
    // Kernels may read, not use, pixels left of the first row and right of the last one.
    const size_t pads = static_cast<size_t>(kernels::kLeftPadPixels + kernels::kRightPadPixels) *
                        PixelBytes(node.output);
    const size_t bytes = block.row_bytes * rows + pads;
    size_t last_reader = n;
    for (size_t later = n; later < segment.nodes.size(); ++later) {
      if (segment.nodes[later].Reads(node.output)) last_reader = later;
    }
    size_t begin = 0;
    for (bool moved = true; moved;) {
      moved = false;
      for (const Placed& other : placed) {
        if (other.last_reader < n || begin >= other.end || begin + bytes <= other.begin) continue;
        begin = other.end;
        moved = true;
      }
    }
    placed.push_back({begin, begin + bytes, last_reader});
    blocks_end = std::max(blocks_end, begin + bytes);
    block.offset = begin + static_cast<size_t>(kernels::kLeftPadPixels) * PixelBytes(node.output);
  }
  for (const PlanNode& node : segment.nodes) {
    if (node.output >= 0) blocks_[node.output].edge_offset += blocks_end;
  }
  block_bytes_ = std::max(block_bytes_, blocks_end + edges);
}

int Session::PixelBytes(int index) const {
  const int element =
      tensor(index).fp32 ? 4 : kernels::StorageBytes(kernels::ConvStorage(network_.method));
  return tensor(index).channels * element;
}

size_t Session::SharedRowBytes(int index) const {
  const size_t pixels = (static_cast<size_t>(options_.size.width) << tensor(index).enlargement) +
                        kernels::kLeftPadPixels + kernels::kRightPadPixels;
  return pixels * PixelBytes(index);
}

size_t Session::SharedRowCount(int index) const {
  if (tensor(index).whole_frame) return options_.size.height;
  return static_cast<size_t>(kLineSets) * geometry_.tensors[index].halo;
}

size_t Session::MeasureMemory() const {
  size_t bytes = zero_bytes_;
  for (size_t i = 0; i < network_.plan.tensors.size(); ++i) {
    const int index = static_cast<int>(i);
    bytes += SharedRowBytes(index) * SharedRowCount(index) * slots_ * (HasRest(index) ? 2 : 1);
  }
  return bytes + options_.threads * (block_bytes_ + kernels::kConvWorkspaceBytes);
}

void Session::Allocate() {
  for (size_t i = 0; i < network_.plan.tensors.size(); ++i) {
    const int index = static_cast<int>(i);
    SharedRows memory;
    memory.row_bytes = SharedRowBytes(index);
    memory.left_bytes = static_cast<size_t>(kernels::kLeftPadPixels) * PixelBytes(index);
    memory.rows_per_slot = SharedRowCount(index);
    memory.rows = AlignedBuffer<std::byte>(memory.row_bytes * memory.rows_per_slot * slots_);
    memory.rows.Zero();
    if (HasRest(index)) {
      memory.rest = AlignedBuffer<std::byte>(memory.rows.size());
      memory.rest.Zero();
    }
    shared_.push_back(std::move(memory));
  }
  zeros_ = AlignedBuffer<std::byte>(zero_bytes_);
  zeros_.Zero();
  static_assert(kernels::kPixelsWorkspaceBytes <= kernels::kConvWorkspaceBytes);
  for (int i = 0; i < options_.threads; ++i) {
    threads_.push_back({AlignedBuffer<std::byte>(block_bytes_),
                        AlignedBuffer<std::byte>(kernels::kConvWorkspaceBytes)});
    threads_.back().blocks.Zero();
  }
}

bool Session::HasRest(int index) const {
  return index >= 0 && tensor(index).trunk &&
         kernels::ConvStorage(network_.method) == kernels::Storage::kBf16;
}

std::byte* Session::MutableRow(const TileRun& run, int index, int y) {
  SharedRows& shared = shared_[index];
  std::byte* slot = shared.rows.data() + run.tile.slot * shared.rows_per_slot * shared.row_bytes;
  if (tensor(index).whole_frame) return slot + y * shared.row_bytes + shared.left_bytes;
  const int halo = geometry_.tensors[index].halo;
  const TileRegion own = run.Uncut(geometry_.tensors[index].offset, tensor(index).enlargement);
  const auto line = [&](int band, int number) {
    const size_t row = static_cast<size_t>(band % kLineSets) * halo + number;
    return slot + row * shared.row_bytes + shared.left_bytes;
  };
  if (y < own.y_begin) return line(run.tile.band + kLineSets - 1, y - (own.y_begin - halo));
  if (y >= own.y_end - halo) return line(run.tile.band, y - (own.y_end - halo));
  const Block& block = blocks_[index];
  const ptrdiff_t pixel_0 = static_cast<ptrdiff_t>(halo - own.x_begin) * PixelBytes(index);
  return run.memory->blocks.data() + block.offset +
         static_cast<size_t>(y - own.y_begin) * block.row_bytes + pixel_0;
}

const std::byte* Session::Row(const TileRun& run, int index, int y, int x_zero) {
  if (y >= 0 && y < options_.size.height << tensor(index).enlargement) {
    return MutableRow(run, index, y);
  }
  const ptrdiff_t pixel_0 =
      static_cast<ptrdiff_t>(kernels::kLeftPadPixels - x_zero) * PixelBytes(index);
  return zeros_.data() + pixel_0;
}

std::byte* Session::RestRow(const TileRun& run, int index, int y) {
  SharedRows& shared = shared_[index];
  return shared.rest.data() + (run.tile.slot * shared.rows_per_slot + y) * shared.row_bytes +
         shared.left_bytes;
}

Status Session::Run(std::span<FrameJob> jobs, ThreadPool* pool, const CancelToken& cancel) {
  TileSchedule schedule(geometry_, static_cast<int>(jobs.size()), slots_);
  return schedule.Run(pool, cancel, [&](const Tile& tile, int thread) {
    RunTile(tile, &jobs[tile.frame], &threads_[thread]);
  });
}

void Session::RunTile(const Tile& tile, FrameJob* job, ThreadMemory* memory) {
  const PlanSegment& segment = network_.plan.segments[tile.segment];
  const TileRun run{tile, job, memory, &geometry_.segments[tile.segment]};
  for (size_t n = 0; n < segment.nodes.size(); ++n) {
    const PlanNode& node = segment.nodes[n];
    const int enlargement = node.output < 0 ? 0 : tensor(node.output).enlargement;
    const TileRegion region =
        CutRegion(run.Uncut(run.segment->node_offsets[n], enlargement), options_.size, enlargement);
    const bool local = node.output >= 0 && !tensor(node.output).whole_frame;
    if (local) LoadEdge(run, node.output);
    if (!region.empty()) {
      if (node.kind == NodeKind::kInput) RunInput(run, node, region);
      if (node.kind == NodeKind::kConv) RunConv(run, node, region);
      if (node.kind == NodeKind::kOutput) RunOutput(run, node, region);
    }
    if (local) SaveEdge(run, node.output);
  }
}

// What the left neighbour left for the columns before the tile's own, and zeros around the picture.
void Session::LoadEdge(const TileRun& run, int index) {
  const auto& [offset, halo] = geometry_.tensors[index];
  if (halo == 0) return;
  const Block& block = blocks_[index];
  const TileRegion own = run.Uncut(offset, tensor(index).enlargement);
  const FrameSize size = options_.size;
  const int width = size.width << tensor(index).enlargement;
  const int y_begin = std::max(0, own.y_begin);
  const int y_end = std::min(size.height << tensor(index).enlargement, own.y_end - halo);
  const int left_end = std::min(0, own.x_end);
  const bool at_left = own.x_begin - halo < 0 && left_end > own.x_begin - halo;
  for (int y = y_begin; y < y_end; ++y) {
    std::byte* row = MutableRow(run, index, y);
    const ptrdiff_t pixel = PixelBytes(index);
    if (run.tile.chunk > 0) {
      std::memcpy(row + (own.x_begin - halo) * pixel,
                  run.memory->blocks.data() + block.edge_offset +
                      static_cast<size_t>(y - own.y_begin) * block.edge_row_bytes,
                  block.edge_row_bytes);
    }
    if (at_left) {
      std::memset(row + (own.x_begin - halo) * pixel, 0,
                  static_cast<size_t>(left_end - (own.x_begin - halo)) * pixel);
    }
    if (own.x_end > width) {
      const int begin = std::max(width, own.x_begin - halo);
      const int end = std::min(width + kZeroColumns, own.x_end + kZeroColumns);
      if (begin < end)
        std::memset(row + begin * pixel, 0, static_cast<size_t>(end - begin) * pixel);
    }
  }
}

void Session::SaveEdge(const TileRun& run, int index) {
  const auto& [offset, halo] = geometry_.tensors[index];
  if (halo == 0) return;
  const Block& block = blocks_[index];
  const TileRegion own = run.Uncut(offset, tensor(index).enlargement);
  const int y_begin = std::max(0, own.y_begin);
  const int y_end = std::min(options_.size.height << tensor(index).enlargement, own.y_end - halo);
  for (int y = y_begin; y < y_end; ++y) {
    std::memcpy(
        run.memory->blocks.data() + block.edge_offset +
            static_cast<size_t>(y - own.y_begin) * block.edge_row_bytes,
        MutableRow(run, index, y) + static_cast<ptrdiff_t>(own.x_end - halo) * PixelBytes(index),
        block.edge_row_bytes);
  }
}

void Session::RunInput(const TileRun& run, const PlanNode& node, const TileRegion& region) {
  const int rows = region.y_end - region.y_begin;
  const Frame& in = *run.job->in;
  std::array<RowPointers<const void*>, 3> planes;
  RowPointers<std::byte*> out, out_rest;
  kernels::InputConvArgs args;
  for (int p = 0; p < Frame::kPlanes; ++p) {
    for (int i = 0; i < rows + 2; ++i) {
      const int row = region.y_begin - 1 + i;
      planes[p][i] = row >= 0 && row < options_.size.height ? in.row(p, row) : nullptr;
    }
    args.plane_rows[p] = planes[p].data();
  }
  for (int i = 0; i < rows; ++i) {
    out[i] = MutableRow(run, node.output, region.y_begin + i);
    if (HasRest(node.output)) out_rest[i] = RestRow(run, node.output, region.y_begin + i);
  }
  if (HasRest(node.output)) args.out_rest_rows = out_rest.data();
  args.sample = SampleOf(in.sample_type());
  args.width = options_.size.width;
  args.rows = rows;
  args.x_begin = region.x_begin;
  args.x_end = region.x_end;
  args.out_rows = out.data();
  args.storage = kernels::ConvStorage(network_.method);
  args.workspace = run.memory->workspace.data();
  network_.pixel_kernels->input_conv(network_.input, args);
}

void Session::RunConv(const TileRun& run, const PlanNode& node, const TileRegion& region) {
  const int up = node.upsample ? 1 : 0;
  const int y = region.y_begin, rows = region.y_end - region.y_begin;
  const int rows_in = ((rows + 3) / 4 * 4) >> up;
  std::array<RowPointers<const std::byte*>, kernels::kConvSourcesMax> sources;
  std::array<RowPointers<const std::byte*>, 2> residuals, rests;
  RowPointers<std::byte*> out, out_rest;
  kernels::ConvArgs args;
  args.source_count = static_cast<int>(node.inputs.size());
  for (int s = 0; s < args.source_count; ++s) {
    for (int i = 0; i < rows_in + 2; ++i) {
      sources[s][i] = Row(run, node.inputs[s], (y >> up) - 1 + i, region.x_begin >> up);
    }
    args.sources[s] = {sources[s].data(), tensor(node.inputs[s]).channels};
  }
  for (int i = 0; i < rows; ++i) {
    out[i] = MutableRow(run, node.output, y + i);
    if (HasRest(node.output)) out_rest[i] = RestRow(run, node.output, y + i);
    for (int r = 0; r < 2; ++r) {
      const int index = r == 0 ? node.residual1 : node.residual2;
      if (index >= 0) residuals[r][i] = MutableRow(run, index, y + i);
      if (HasRest(index)) rests[r][i] = RestRow(run, index, y + i);
    }
  }
  args.rows = rows;
  args.x_begin = region.x_begin;
  args.x_end = region.x_end;
  args.out_rows = out.data();
  args.out_f32 = tensor(node.output).fp32;
  if (node.residual1 >= 0) args.residual1_rows = residuals[0].data();
  if (node.residual2 >= 0) args.residual2_rows = residuals[1].data();
  if (HasRest(node.residual1)) args.residual1_rest_rows = rests[0].data();
  if (HasRest(node.residual2)) args.residual2_rest_rows = rests[1].data();
  if (HasRest(node.output)) args.out_rest_rows = out_rest.data();
  args.workspace = run.memory->workspace.data();
  kernels::RunConv(*network_.conv_kernel, network_.convs[node.weights], args);
}

void Session::RunOutput(const TileRun& run, const PlanNode& node, const TileRegion& region) {
  FrameJob* job = run.job;
  const int y = region.y_begin;
  const int scale = options_.scale;
  const int enlargement = tensor(node.inputs[0]).enlargement;
  const int reach = scale == 4 ? 0 : 1;  // rows above and below that are read
  RowPointers<const std::byte*> rows_in;
  std::array<RowPointers<const void*>, 3> planes;
  std::array<RowPointers<void*>, 3> out;
  kernels::OutputArgs args;
  args.shuffled = network_.plan.shuffled_output;
  args.scale = scale;
  args.width = options_.size.width;
  args.height = options_.size.height;
  args.y = y;
  args.rows = region.y_end - region.y_begin;
  args.x_begin = region.x_begin;
  args.x_end = region.x_end;
  const int rows_read = args.rows << enlargement;
  for (int i = 1 - reach; i < rows_read + 1 + reach; ++i) {
    rows_in[i] =
        Row(run, node.inputs[0], (y << enlargement) - 1 + i, region.x_begin << enlargement);
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
  args.workspace = run.memory->workspace.data();
  const kernels::OutputReport report = network_.pixel_kernels->output(args);
  if (!report.finite) std::atomic_ref(job->finite).store(false, std::memory_order_relaxed);
  if (!report.black) std::atomic_ref(job->lit).store(true, std::memory_order_relaxed);
}

}  // namespace octoscale
