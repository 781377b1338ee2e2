#include "engine/band_schedule.h"

#include <immintrin.h>

namespace octoscale {

BandSchedule::BandSchedule(const Plan& plan, int frames, int bands_per_frame, int chunks)
    : bands_per_frame_(bands_per_frame), bands_(frames * bands_per_frame), chunks_(chunks) {
  int nodes = 0;
  for (const PlanSegment& segment : plan.segments) {
    first_node_.push_back(nodes);
    nodes += static_cast<int>(segment.nodes.size());
  }
  needs_.resize(nodes);
  done_ = std::make_unique<std::atomic<int>[]>(static_cast<size_t>(nodes) * bands_);
  remaining_ = std::make_unique<std::atomic<int>[]>(plan.segments.size());
  AddNeeds(plan);
  AddItems(plan);
}

void BandSchedule::AddNeeds(const Plan& plan) {
  std::vector<int> writer(plan.tensors.size(), -1);  // the node that wrote a tensor last
  for (size_t s = 0; s < plan.segments.size(); ++s) {
    const PlanSegment& segment = plan.segments[s];
    for (size_t n = 0; n < segment.nodes.size(); ++n) {
      const int consumer = first_node_[s] + static_cast<int>(n);
      for (size_t tensor = 0; tensor < plan.tensors.size(); ++tensor) {
        const int producer = writer[tensor];
        if (producer < 0 || !segment.nodes[n].Reads(static_cast<int>(tensor))) continue;
        for (int offset : {1, 0, -1}) needs_[consumer].push_back({producer, offset, true});
        // The producer overwrites the band one ring length back: its readers must be past it.
        const PlanTensor& ring = plan.tensors[tensor];
        if (ring.whole_frame) continue;
        for (int offset : {1, 0, -1}) {
          needs_[producer].push_back({consumer, offset - ring.ring_bands, false});
        }
      }
      if (segment.nodes[n].output >= 0) writer[segment.nodes[n].output] = consumer;
    }
  }
}

void BandSchedule::AddItems(const Plan& plan) {
  for (size_t s = 0; s < plan.segments.size(); ++s) {
    const PlanSegment& segment = plan.segments[s];
    for (int step = 0; step < bands_ + segment.lag_max; ++step) {
      for (size_t n = 0; n < segment.nodes.size(); ++n) {
        const int band = step - segment.nodes[n].lag;
        if (band < 0 || band >= bands_) continue;
        for (int chunk = 0; chunk < chunks_; ++chunk) {
          items_.push_back({static_cast<int>(s), static_cast<int>(n), band / bands_per_frame_,
                            band % bands_per_frame_, chunk});
        }
      }
    }
    remaining_[s] = static_cast<int>(segment.nodes.size()) * bands_ * chunks_;
  }
}

bool BandSchedule::Ready(const BandItem& item) const {
  // Rings are shared by every other segment.
  if (item.segment >= 2 && remaining_[item.segment - 2].load(std::memory_order_acquire) != 0) {
    return false;
  }
  const int stream_band = item.frame * bands_per_frame_ + item.band;
  for (const Need& need : needs_[first_node_[item.segment] + item.node]) {
    if (need.same_frame) {
      const int band = item.band + need.offset;
      if (band < 0 || band >= bands_per_frame_) continue;
    }
    const int band = stream_band + need.offset;
    if (band < 0 || band >= bands_) continue;
    const size_t at = static_cast<size_t>(need.node) * bands_ + band;
    if (done_[at].load(std::memory_order_acquire) != chunks_) return false;
  }
  return true;
}

// Spins for about the time of a small item, then sleeps: a thread that yields instead would lose
// its core for a whole time slice on a busy machine.
void BandSchedule::WaitUntilReady(const BandItem& item) {
  for (int spins = 0; spins < 500; ++spins) {
    if (Ready(item) || stopped_.load(std::memory_order_relaxed)) return;
    _mm_pause();
  }
  sleepers_.fetch_add(1);
  for (;;) {
    const uint32_t seen = progress_.load();
    if (Ready(item) || stopped_.load()) break;
    progress_.wait(seen);
  }
  sleepers_.fetch_sub(1);
}

void BandSchedule::Announce() {
  progress_.fetch_add(1);
  if (sleepers_.load() != 0) progress_.notify_all();
}

void BandSchedule::RunItems(const CancelToken& cancel, int thread,
                            const std::function<void(const BandItem&, int)>& work) {
  for (;;) {
    const size_t index = next_.fetch_add(1, std::memory_order_relaxed);
    if (index >= items_.size()) return;
    if (cancel.stopped()) {
      stopped_.store(true);
      Announce();
    }
    const BandItem& item = items_[index];
    WaitUntilReady(item);
    if (stopped_.load(std::memory_order_relaxed)) return;
    work(item, thread);
    const size_t node = first_node_[item.segment] + item.node;
    done_[node * bands_ + item.frame * bands_per_frame_ + item.band].fetch_add(
        1, std::memory_order_release);
    remaining_[item.segment].fetch_sub(1, std::memory_order_release);
    Announce();
  }
}

Status BandSchedule::Run(ThreadPool* pool, const CancelToken& cancel,
                         const std::function<void(const BandItem&, int)>& work) {
  pool->Run([&](int thread) { RunItems(cancel, thread, work); });
  return stopped_.load() ? cancel.Check() : OkStatus();
}

}  // namespace octoscale
