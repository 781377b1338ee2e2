#include "engine/tile_geometry.h"

#include <algorithm>
#include <utility>

namespace octoscale {
namespace {

int RoundUp(int value, int unit) { return (value + unit - 1) / unit * unit; }
int CeilShift(int value, int shift) { return (value + (1 << shift) - 1) >> shift; }

class TilePlanner {
 public:
  TilePlanner(const Plan& plan, const TileOptions& options) : plan_(plan), options_(options) {
    geometry_.tensors.resize(plan.tensors.size());
  }

  TileGeometry Build() {
    for (const PlanSegment& segment : plan_.segments) AddSegment(segment);
    return std::move(geometry_);
  }

 private:
  int Enlargement(const PlanNode& node) const {
    return node.output < 0 ? 0 : plan_.tensors[node.output].enlargement;
  }

  // Rows below (and above) the reader's own that it reads, pixels of the input.
  int Reach(const PlanNode& node, int tensor) const {
    if (node.kind == NodeKind::kOutput) return options_.scale == 4 ? 0 : 1;
    return node.HasInput(tensor) ? 1 : 0;
  }

  // A reader's offset in pixels of its input, and back.
  int ToInput(const PlanNode& node, int tensor, int offset) const {
    if (node.kind == NodeKind::kOutput) return offset << plan_.tensors[tensor].enlargement;
    return node.upsample ? offset / 2 : offset;
  }
  int FromInput(const PlanNode& node, int tensor, int offset) const {
    if (node.kind == NodeKind::kOutput) return CeilShift(offset, plan_.tensors[tensor].enlargement);
    return node.upsample ? offset * 2 : offset;
  }

  void AddSegment(const PlanSegment& segment) {
    TileSegment tiles;
    int enlargement_max = 0;
    std::vector<int> local;  // tensors that this segment writes and reads
    for (const PlanNode& node : segment.nodes) {
      int offset = 0;
      for (int tensor : local) {
        if (!node.Reads(tensor)) continue;
        const int complete = geometry_.tensors[tensor].offset + Reach(node, tensor);
        offset = std::max(offset, FromInput(node, tensor, complete));
      }
      if (node.kind == NodeKind::kConv) {
        offset = RoundUp(offset, std::max(options_.align, node.upsample ? 2 : 1));
      }
      for (int tensor : local) {
        if (!node.Reads(tensor)) continue;
        TileTensor& made = geometry_.tensors[tensor];
        made.halo =
            std::max(made.halo, ToInput(node, tensor, offset) + Reach(node, tensor) - made.offset);
      }
      tiles.node_offsets.push_back(offset);
      enlargement_max = std::max(enlargement_max, Enlargement(node));
      tiles.offset = std::max(tiles.offset, CeilShift(offset, Enlargement(node)));
      if (node.output >= 0 && !plan_.tensors[node.output].whole_frame) {
        geometry_.tensors[node.output].offset = offset;
        local.push_back(node.output);
      }
    }
    ChooseTile(local, enlargement_max, &tiles);
    tiles.first_band = geometry_.bands;
    geometry_.bands += tiles.bands;
    geometry_.segments.push_back(std::move(tiles));
  }

  // A tile must be as large as the halo of each of its tensors.
  void ChooseTile(const std::vector<int>& local, int enlargement_max, TileSegment* tiles) const {
    const int width = options_.size.width + tiles->offset;
    const int height = options_.size.height + tiles->offset;
    tiles->rows = options_.rows >> enlargement_max;
    tiles->columns = options_.columns >> enlargement_max;
    for (int tensor : local) {
      const int halo = CeilShift(geometry_.tensors[tensor].halo, plan_.tensors[tensor].enlargement);
      tiles->rows = std::max(tiles->rows, RoundUp(halo, 4));
      tiles->columns = std::max(tiles->columns, RoundUp(halo, 4));
    }
    tiles->columns = std::min(tiles->columns, RoundUp(width, 16));
    tiles->bands = (height + tiles->rows - 1) / tiles->rows;
    tiles->chunks = (width + tiles->columns - 1) / tiles->columns;
  }

  const Plan& plan_;
  TileOptions options_;
  TileGeometry geometry_;
};

}  // namespace

TileGeometry PlanTiles(const Plan& plan, const TileOptions& options) {
  return TilePlanner(plan, options).Build();
}

// A node reads one row below its own at most. What this leaves of the segment before reads only
// rows that the band does not write, so segments may hand whole frames back and forth.
int TileGeometry::BandNeeded(int segment, int band) const {
  const TileSegment& before = segments[segment - 1];
  const int rows = (band + 1) * segments[segment].rows + 1 + before.offset;
  return std::min(before.bands, (rows + before.rows - 1) / before.rows) - 1;
}

TileRegion UncutRegion(const TileSegment& segment, int band, int chunk, int offset,
                       int enlargement) {
  const int rows = segment.rows << enlargement;
  const int columns = segment.columns << enlargement;
  TileRegion region;
  region.y_begin = band * rows - offset;
  region.y_end = region.y_begin + rows;
  region.x_begin = chunk * columns - offset;
  region.x_end = region.x_begin + columns;
  return region;
}

TileRegion CutRegion(const TileRegion& region, FrameSize size, int enlargement) {
  TileRegion cut;
  cut.y_begin = std::max(0, region.y_begin);
  cut.y_end = std::min(size.height << enlargement, region.y_end);
  cut.x_begin = std::max(0, region.x_begin);
  cut.x_end = std::min(size.width << enlargement, region.x_end);
  return cut;
}

}  // namespace octoscale
