#include "engine/tile_geometry.h"

#include <gtest/gtest.h>

#include <tuple>

#include "engine/engine_testing.h"

namespace octoscale {
namespace {

// Kind of network, scale, alignment, columns of a tile.
class TileGeometryTest : public ::testing::TestWithParam<std::tuple<NetworkKind, int, int, int>> {
 protected:
  Plan MakePlan() const {
    const bool srvgg = std::get<0>(GetParam()) == NetworkKind::kSrvggCompact;
    return BuildPlan(srvgg ? RandomSrvgg(5) : RandomRrdb(2)).value();
  }
  TileGeometry Tiles(const Plan& plan, FrameSize size) const {
    const auto [kind, scale, align, columns] = GetParam();
    return PlanTiles(
        plan, {.size = size, .scale = scale, .align = align, .rows = 16, .columns = columns});
  }
  static constexpr FrameSize kSizes[] = {{1, 1}, {15, 200}, {129, 33}, {64, 64}, {641, 17}};
};

TEST_P(TileGeometryTest, RegionsOfEveryNodeCoverThePictureOnce) {
  const Plan plan = MakePlan();
  for (const FrameSize size : kSizes) {
    const TileGeometry tiles = Tiles(plan, size);
    for (size_t s = 0; s < plan.segments.size(); ++s) {
      const TileSegment& segment = tiles.segments[s];
      for (size_t n = 0; n < segment.node_offsets.size(); ++n) {
        const PlanNode& node = plan.segments[s].nodes[n];
        const int enlargement = node.output < 0 ? 0 : plan.tensors[node.output].enlargement;
        const int offset = segment.node_offsets[n];
        int row = 0, column = 0;
        for (int band = 0; band < segment.bands; ++band) {
          const TileRegion cut =
              CutRegion(UncutRegion(segment, band, 0, offset, enlargement), size, enlargement);
          if (cut.y_begin >= cut.y_end) continue;
          EXPECT_EQ(cut.y_begin, row);
          row = cut.y_end;
        }
        for (int chunk = 0; chunk < segment.chunks; ++chunk) {
          const TileRegion cut =
              CutRegion(UncutRegion(segment, 0, chunk, offset, enlargement), size, enlargement);
          if (cut.x_begin >= cut.x_end) continue;
          EXPECT_EQ(cut.x_begin, column);
          column = cut.x_end;
        }
        EXPECT_EQ(row, size.height << enlargement);
        EXPECT_EQ(column, size.width << enlargement);
      }
    }
  }
}

TEST_P(TileGeometryTest, ReadersFindTheirRowsInTheTileOrItsHalo) {
  const auto [kind, scale, align, columns] = GetParam();
  const Plan plan = MakePlan();
  const TileGeometry tiles = Tiles(plan, {300, 300});
  for (size_t s = 0; s < plan.segments.size(); ++s) {
    const TileSegment& segment = tiles.segments[s];
    for (size_t n = 0; n < segment.node_offsets.size(); ++n) {
      const PlanNode& node = plan.segments[s].nodes[n];
      const int offset = segment.node_offsets[n];
      const int enlargement = node.output < 0 ? 0 : plan.tensors[node.output].enlargement;
      if (node.kind == NodeKind::kConv) {
        EXPECT_EQ(offset % align, 0);
      }
      const TileRegion own = UncutRegion(segment, 3, 2, offset, enlargement);
      for (int input : node.inputs) {
        const PlanTensor& tensor = plan.tensors[input];
        if (tensor.whole_frame) continue;
        const TileTensor& made = tiles.tensors[input];
        const TileRegion there = UncutRegion(segment, 3, 2, made.offset, tensor.enlargement);
        int begin = own.y_begin - 1, end = own.y_end + 1;
        if (node.upsample) {
          begin = own.y_begin / 2 - 1;
          end = own.y_end / 2 + 1;
        }
        if (node.kind == NodeKind::kOutput) {
          const int reach = scale == 4 ? 0 : 1;
          begin = (own.y_begin << tensor.enlargement) - reach;
          end = (own.y_end << tensor.enlargement) + reach;
        }
        EXPECT_LE(end, there.y_end);
        EXPECT_GE(begin, there.y_begin - made.halo);
        EXPECT_LE(made.halo, there.y_end - there.y_begin);
        EXPECT_LE(made.halo, there.x_end - there.x_begin);
      }
    }
  }
}

// What a segment still reads, the next one must not overwrite: the rule that BandNeeded relies on.
TEST_P(TileGeometryTest, SegmentsThatShareFramesKeepApart) {
  const Plan plan = MakePlan();
  const TileGeometry tiles = Tiles(plan, {97, 211});
  for (int s = 1; s < static_cast<int>(tiles.segments.size()); ++s) {
    const TileSegment& before = tiles.segments[s - 1];
    const TileSegment& segment = tiles.segments[s];
    for (int band = 0; band < segment.bands; ++band) {
      const int needed = tiles.BandNeeded(s, band);
      ASSERT_LT(needed, before.bands);
      const int read_end = std::min(211, (band + 1) * segment.rows + 1);
      const int complete =
          needed == before.bands - 1 ? 211 : (needed + 1) * before.rows - before.offset;
      EXPECT_GE(complete, read_end);
      if (needed == before.bands - 1) continue;
      EXPECT_GE((needed + 1) * before.rows - before.offset - 1, (band + 1) * segment.rows);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, TileGeometryTest,
                         ::testing::Combine(::testing::Values(NetworkKind::kSrvggCompact,
                                                              NetworkKind::kRrdb),
                                            ::testing::Values(2, 4), ::testing::Values(1, 4),
                                            ::testing::Values(16, 64)));

}  // namespace
}  // namespace octoscale
