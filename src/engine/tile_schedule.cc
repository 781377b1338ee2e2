#include "engine/tile_schedule.h"

#include <immintrin.h>

#include <algorithm>
#include <chrono>

namespace octoscale {
namespace {

constexpr std::chrono::milliseconds kSpinTime{1};

}  // namespace

TileSchedule::TileSchedule(const TileGeometry& geometry, int frames, int slots)
    : geometry_(geometry), frames_(frames), slots_(std::min(frames, slots)) {
  chunks_done_ = std::make_unique<std::atomic<int>[]>(slots_.size() * geometry.bands);
}

bool TileSchedule::HasBands(const Slot& slot) const {
  return slot.frame >= 0 && slot.segment < static_cast<int>(geometry_.segments.size());
}

// Its own frame, then one that nobody works on, then a new one, then the one with fewest threads.
int TileSchedule::ChooseSlot(int last) const {
  if (last >= 0 && HasBands(slots_[last]) && slots_[last].threads == 0) return last;
  int shared = -1, free = -1;
  for (int i = 0; i < static_cast<int>(slots_.size()); ++i) {
    const Slot& slot = slots_[i];
    if (slot.frame < 0) {
      free = i;
    } else if (HasBands(slot)) {
      if (slot.threads == 0) return i;
      if (shared < 0 || slot.threads < slots_[shared].threads) shared = i;
    }
  }
  return free >= 0 && frames_started_ < frames_ ? free : shared;
}

void TileSchedule::StartFrame(Slot* slot) {
  const size_t index = slot - slots_.data();
  *slot = {};
  slot->frame = frames_started_++;
  slot->bands_left = geometry_.bands;
  for (int i = 0; i < geometry_.bands; ++i) {
    chunks_done_[index * geometry_.bands + i].store(0, std::memory_order_relaxed);
  }
}

bool TileSchedule::TakeBand(int last, Tile* tile) {
  std::unique_lock lock(mutex_);
  int chosen = ChooseSlot(last);
  while (chosen < 0 && frames_started_ < frames_ && !stopped_.load()) {
    slot_freed_.wait(lock);
    chosen = ChooseSlot(last);
  }
  if (chosen < 0 || stopped_.load()) return false;
  Slot& slot = slots_[chosen];
  if (slot.frame < 0) StartFrame(&slot);
  ++slot.threads;
  *tile = {slot.frame, chosen, slot.segment, slot.band, 0};
  if (++slot.band == geometry_.segments[slot.segment].bands) {
    slot.band = 0;
    ++slot.segment;
  }
  return true;
}

void TileSchedule::FinishBand(const Tile& tile) {
  const std::lock_guard lock(mutex_);
  Slot& slot = slots_[tile.slot];
  --slot.threads;
  if (--slot.bands_left > 0) return;
  slot.frame = -1;
  slot_freed_.notify_all();
}

std::atomic<int>& TileSchedule::ChunksDone(const Tile& tile, int segment, int band) {
  return chunks_done_[static_cast<size_t>(tile.slot) * geometry_.bands +
                      geometry_.segments[segment].first_band + band];
}

bool TileSchedule::BandsDone(const Tile& tile, int segment, int bands) {
  const int chunks = geometry_.segments[segment].chunks;
  for (int band = bands - 1; band >= 0; --band) {
    if (ChunksDone(tile, segment, band).load(std::memory_order_acquire) != chunks) return false;
  }
  return true;
}

// Whole frames that the segment reads are there, and nobody uses its lines any more.
bool TileSchedule::BandReady(const Tile& tile) {
  const int before = tile.segment - 1, older = tile.segment - 2;
  if (before >= 0 && !BandsDone(tile, before, geometry_.BandNeeded(tile.segment, tile.band) + 1)) {
    return false;
  }
  return older < 0 || BandsDone(tile, older, geometry_.segments[older].bands);
}

// The tile above has written the lines that this one reads; what this one overwrites, lines of
// three bands ago, has been read by the tile above and its right neighbour.
bool TileSchedule::TileReady(const Tile& tile) {
  const int chunks = geometry_.segments[tile.segment].chunks;
  for (int above = 1; above <= std::min(2, tile.band); ++above) {
    const int needed = std::min(tile.chunk + above, chunks);
    if (ChunksDone(tile, tile.segment, tile.band - above).load(std::memory_order_acquire) <
        needed) {
      return false;
    }
  }
  return true;
}

// Spins for about the time of a tile, then sleeps: waking up takes long on an idle machine, and the
// threads of one frame wait for each other often. A thread that yields instead would lose its core
// for a whole time slice on a busy machine.
template <typename Ready>
void TileSchedule::WaitUntil(Ready&& ready) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point sleep_at = Clock::now() + kSpinTime;
  do {
    for (int spins = 0; spins < 50; ++spins) {
      if (ready() || stopped_.load(std::memory_order_relaxed)) return;
      _mm_pause();
    }
  } while (Clock::now() < sleep_at);
  sleepers_.fetch_add(1);
  for (;;) {
    const uint32_t seen = progress_.load();
    if (ready() || stopped_.load()) break;
    progress_.wait(seen);
  }
  sleepers_.fetch_sub(1);
}

void TileSchedule::Announce() {
  progress_.fetch_add(1);
  if (sleepers_.load() != 0) progress_.notify_all();
}

void TileSchedule::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_.store(true);
  }
  slot_freed_.notify_all();
  Announce();
}

void TileSchedule::RunBands(const CancelToken& cancel, int thread,
                            const std::function<void(const Tile&, int)>& work) {
  Tile tile;
  tile.slot = -1;
  while (TakeBand(tile.slot, &tile)) {
    WaitUntil([&] { return BandReady(tile); });
    for (; tile.chunk < geometry_.segments[tile.segment].chunks; ++tile.chunk) {
      if (cancel.stopped()) Stop();
      WaitUntil([&] { return TileReady(tile); });
      if (stopped_.load(std::memory_order_relaxed)) return;
      work(tile, thread);
      ChunksDone(tile, tile.segment, tile.band).fetch_add(1, std::memory_order_release);
      Announce();
    }
    FinishBand(tile);
  }
}

Status TileSchedule::Run(ThreadPool* pool, const CancelToken& cancel,
                         const std::function<void(const Tile&, int)>& work) {
  pool->Run([&](int thread) { RunBands(cancel, thread, work); });
  return stopped_.load() ? cancel.Check() : OkStatus();
}

}  // namespace octoscale
