// How a frame is cut into tiles, and where each node's part of a tile lies.
//
// A tile passes through all nodes of a segment before the next one starts, so what a node writes is
// still in L2 when the next node reads it. The tile of a node lies `offset` pixels above and to the
// left of the segment's first node's: as far as its inputs are complete by then. So nothing is
// computed twice, and what an earlier tile computed is taken from there: up to `halo` columns from
// the left neighbour, up to `halo` rows from the band of tiles above.
//
//   band i of a tensor:  rows [i*R - offset, (i+1)*R - offset), of which the last `halo` go into
//                        lines of the whole width, read by the next band; the others into a block
//                        that is overwritten by the next tile.
//
// Rows and columns are cut at the borders of the picture. Bands of a frame and tiles of a band are
// taken in order; see tile_schedule.h.
#pragma once

#include <cstddef>
#include <vector>

#include "engine/plan.h"
#include "frame/frame.h"

namespace octoscale {

struct TileTensor {
  int offset = 0;  // of the node that writes it, pixels of the tensor
  int halo = 0;    // rows above and columns left of a tile's own that its readers need
};

struct TileSegment {
  int rows = 0;                   // of a tile, input pixels
  int columns = 0;                // of a tile, input pixels
  int bands = 0;                  // rows of tiles in a frame
  int chunks = 0;                 // tiles in a band
  int offset = 0;                 // of the last node, input pixels
  int first_band = 0;             // bands of the segments before it
  std::vector<int> node_offsets;  // pixels of the node's output
};

struct TileOptions {
  FrameSize size;  // of the input
  int scale = 4;   // of the output
  int align = 1;   // regions of convolutions start at multiples of it: 4 for Winograd tiles
  // Wanted tile, in pixels of the segment's most enlarged tensor; multiples of 16.
  int rows = 16;
  int columns = 64;
};

struct TileGeometry {
  std::vector<TileTensor> tensors;    // by tensor of the plan; whole frames have neither
  std::vector<TileSegment> segments;  // by segment of the plan
  int bands = 0;                      // of all segments

  // The last band of segment - 1 that must be complete before `band` of `segment` may start.
  int BandNeeded(int segment, int band) const;
};

TileGeometry PlanTiles(const Plan& plan, const TileOptions& options);

// Part of a picture: rows [y_begin, y_end), columns [x_begin, x_end).
struct TileRegion {
  int y_begin = 0;
  int y_end = 0;
  int x_begin = 0;
  int x_end = 0;

  bool empty() const { return y_begin >= y_end || x_begin >= x_end; }
};

// The region of a tile whose node has this offset and enlargement, before it is cut at the borders.
TileRegion UncutRegion(const TileSegment& segment, int band, int chunk, int offset,
                       int enlargement);
TileRegion CutRegion(const TileRegion& region, FrameSize size, int enlargement);

}  // namespace octoscale
