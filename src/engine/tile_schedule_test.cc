#include "engine/tile_schedule.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <tuple>

#include "engine/engine_testing.h"

namespace octoscale {
namespace {

TileGeometry Tiles(const NetworkWeights& network, FrameSize size) {
  return PlanTiles(BuildPlan(network).value(),
                   {.size = size, .scale = 4, .align = 1, .rows = 16, .columns = 32});
}

// Notes what was done, and that everything a tile needs was done before it.
class Recorder {
 public:
  explicit Recorder(const TileGeometry& geometry) : geometry_(geometry) {}

  void Begin(const Tile& tile) {
    const std::lock_guard lock(mutex_);
    const TileSegment& segment = geometry_.segments[tile.segment];
    if (tile.chunk > 0) Need(tile, tile.segment, tile.band, tile.chunk - 1);
    if (tile.band > 0) Need(tile, tile.segment, tile.band - 1, tile.chunk);
    if (tile.band > 1 && tile.chunk + 1 < segment.chunks) {
      Need(tile, tile.segment, tile.band - 2, tile.chunk + 1);
    }
    if (tile.segment == 0) return;
    const int needed = geometry_.BandNeeded(tile.segment, tile.band);
    for (int chunk = 0; chunk < geometry_.segments[tile.segment - 1].chunks; ++chunk) {
      Need(tile, tile.segment - 1, needed, chunk);
    }
    if (tile.segment == 1) return;
    const TileSegment& older = geometry_.segments[tile.segment - 2];
    Need(tile, tile.segment - 2, older.bands - 1, older.chunks - 1);
  }

  void End(const Tile& tile) {
    const std::lock_guard lock(mutex_);
    EXPECT_TRUE(done_.insert({tile.frame, tile.segment, tile.band, tile.chunk}).second);
  }

  size_t done() const { return done_.size(); }

 private:
  void Need(const Tile& tile, int segment, int band, int chunk) {
    EXPECT_TRUE(done_.contains({tile.frame, segment, band, chunk}))
        << "segment " << tile.segment << " band " << tile.band << " chunk " << tile.chunk
        << " before segment " << segment << " band " << band << " chunk " << chunk;
  }

  const TileGeometry& geometry_;
  std::mutex mutex_;
  std::set<std::tuple<int, int, int, int>> done_;
};

size_t TileCount(const TileGeometry& geometry) {
  size_t count = 0;
  for (const TileSegment& segment : geometry.segments) {
    count += static_cast<size_t>(segment.bands) * segment.chunks;
  }
  return count;
}

TEST(TileScheduleTest, EveryTileOnceAndAfterWhatItNeeds) {
  for (const NetworkWeights& network : {RandomSrvgg(2), RandomRrdb(1)}) {
    const TileGeometry geometry = Tiles(network, {150, 120});
    for (const auto& [threads, frames, slots] :
         {std::tuple{1, 2, 1}, {2, 5, 2}, {4, 1, 4}, {5, 3, 2}, {8, 9, 8}}) {
      ThreadPool pool(threads);
      Recorder recorder(geometry);
      TileSchedule schedule(geometry, frames, slots);
      const Status status = schedule.Run(&pool, {}, [&](const Tile& tile, int thread) {
        recorder.Begin(tile);
        if ((tile.band + tile.chunk + thread) % 5 == 0) std::this_thread::yield();
        recorder.End(tile);
      });
      EXPECT_TRUE(status.ok());
      EXPECT_EQ(recorder.done(), TileCount(geometry) * frames);
    }
  }
}

TEST(TileScheduleTest, FramesInFlightNeverShareASlot) {
  const TileGeometry geometry = Tiles(RandomSrvgg(1), {70, 50});
  std::mutex mutex;
  std::vector<int> left(3, 0), frame_of(3, -1);
  ThreadPool pool(6);
  TileSchedule schedule(geometry, 20, 3);
  const Status status = schedule.Run(&pool, {}, [&](const Tile& tile, int) {
    const std::lock_guard lock(mutex);
    ASSERT_LT(tile.slot, 3);
    if (left[tile.slot] == 0) {
      frame_of[tile.slot] = tile.frame;
      left[tile.slot] = static_cast<int>(TileCount(geometry));
    }
    EXPECT_EQ(frame_of[tile.slot], tile.frame);
    --left[tile.slot];
  });
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(left, std::vector<int>(3, 0));
}

TEST(TileScheduleTest, CancelledRunEndsEarly) {
  const TileGeometry geometry = Tiles(RandomRrdb(1), {150, 120});
  ThreadPool pool(4);
  CancelToken cancel;
  std::atomic<int> tiles{0};
  TileSchedule schedule(geometry, 50, 4);
  const Status status = schedule.Run(&pool, cancel, [&](const Tile&, int) {
    if (++tiles == 100) cancel.Cancel();
  });
  EXPECT_EQ(status.code(), StatusCode::kCancelled);
  EXPECT_LT(tiles.load(), 100 + 2 * 4);
}

}  // namespace
}  // namespace octoscale
