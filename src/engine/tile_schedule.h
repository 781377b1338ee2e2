// Who computes which tile when.
//
// A thread takes a band of tiles and computes them from left to right. Bands of a frame are taken
// in order, and a tile waits for those that it reads, which were taken earlier: no deadlock, no
// barrier. As long as there are enough frames each thread stays with one of its own and never
// waits; at the end of a batch, or with fewer frames than threads, several threads share a frame,
// each in a band, one tile behind the one above.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/cancel.h"
#include "base/thread_pool.h"
#include "engine/tile_geometry.h"

namespace octoscale {

struct Tile {
  int frame = 0;  // of the job
  int slot = 0;   // memory of a frame in flight
  int segment = 0;
  int band = 0;   // of the segment
  int chunk = 0;  // of the band
};

// Good for one Run().
class TileSchedule {
 public:
  // At most `slots` frames are in flight.
  TileSchedule(const TileGeometry& geometry, int frames, int slots);

  // Calls work(tile, thread) for every tile, on all threads of the pool. Returns early with the
  // token's status when it stops.
  Status Run(ThreadPool* pool, const CancelToken& cancel,
             const std::function<void(const Tile&, int)>& work);

 private:
  // A frame in flight, or a free slot.
  struct Slot {
    int frame = -1;
    int segment = 0;  // of the band to be taken next; past the last one when all are
    int band = 0;
    int threads = 0;  // at work on it
    int bands_left = 0;
  };

  void RunBands(const CancelToken& cancel, int thread,
                const std::function<void(const Tile&, int)>& work);
  // The next band for a thread that computed in `slot` (-1: none). False when there is none left.
  bool TakeBand(int slot, Tile* tile);
  int ChooseSlot(int last) const;
  void StartFrame(Slot* slot);
  void FinishBand(const Tile& tile);
  void Stop();

  bool HasBands(const Slot& slot) const;
  std::atomic<int>& ChunksDone(const Tile& tile, int segment, int band);
  // The first `bands` bands of a segment of the tile's frame.
  bool BandsDone(const Tile& tile, int segment, int bands);
  bool BandReady(const Tile& tile);
  bool TileReady(const Tile& tile);
  template <typename Ready>
  void WaitUntil(Ready&& ready);
  void Announce();

  const TileGeometry& geometry_;
  const int frames_;
  std::mutex mutex_;
  std::condition_variable slot_freed_;
  std::vector<Slot> slots_;
  int frames_started_ = 0;
  std::unique_ptr<std::atomic<int>[]> chunks_done_;  // [slot][band of all segments]
  std::atomic<uint32_t> progress_{0};                // changes with every tile done
  std::atomic<int> sleepers_{0};
  std::atomic<bool> stopped_{false};
};

}  // namespace octoscale
