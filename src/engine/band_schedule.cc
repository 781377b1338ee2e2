#include "engine/band_schedule.h"

#include <immintrin.h>

#include <algorithm>
#include <thread>

namespace octoscale {

BandSchedule::BandSchedule(const Plan& plan, const PlanSegment& segment, int frames,
                           int bands_per_frame, int chunks)
    : bands_per_frame_(bands_per_frame), bands_(frames * bands_per_frame), chunks_(chunks) {
  const int nodes = static_cast<int>(segment.nodes.size());
  needs_.resize(nodes);
  const auto reads = [](const PlanNode& node, int tensor) {
    return std::find(node.inputs.begin(), node.inputs.end(), tensor) != node.inputs.end() ||
           node.residual1 == tensor || node.residual2 == tensor;
  };
  for (int consumer = 0; consumer < nodes; ++consumer) {
    for (int producer = 0; producer < consumer; ++producer) {
      const int tensor = segment.nodes[producer].output;
      if (tensor < 0 || !reads(segment.nodes[consumer], tensor)) continue;
      for (int offset : {1, 0, -1}) needs_[consumer].push_back({producer, offset, true});
      // The producer overwrites the band one ring length back: its readers must be past it.
      const PlanTensor& ring = plan.tensors[tensor];
      if (ring.whole_frame) continue;
      for (int offset : {1, 0, -1}) {
        needs_[producer].push_back({consumer, offset - ring.ring_bands, false});
      }
    }
  }
  items_.reserve(static_cast<size_t>(nodes) * bands_ * chunks);
  for (int step = 0; step < bands_ + segment.lag_max; ++step) {
    for (int node = 0; node < nodes; ++node) {
      const int band = step - segment.nodes[node].lag;
      if (band < 0 || band >= bands_) continue;
      for (int chunk = 0; chunk < chunks; ++chunk) {
        items_.push_back({node, band / bands_per_frame, band % bands_per_frame, chunk});
      }
    }
  }
  done_ = std::make_unique<std::atomic<int>[]>(static_cast<size_t>(nodes) * bands_);
}

bool BandSchedule::Ready(const BandItem& item) const {
  for (const Need& need : needs_[item.node]) {
    if (need.same_frame) {
      const int band = item.band + need.offset;
      if (band < 0 || band >= bands_per_frame_) continue;
    }
    const int band = item.frame * bands_per_frame_ + item.band + need.offset;
    if (band < 0 || band >= bands_) continue;
    const size_t at = static_cast<size_t>(need.node) * bands_ + band;
    if (done_[at].load(std::memory_order_acquire) != chunks_) return false;
  }
  return true;
}

void BandSchedule::RunItems(const CancelToken& cancel, int thread,
                            const std::function<void(const BandItem&, int)>& work) {
  for (;;) {
    const size_t index = next_.fetch_add(1, std::memory_order_relaxed);
    if (index >= items_.size()) return;
    if (cancel.stopped()) stopped_.store(true, std::memory_order_relaxed);
    const BandItem& item = items_[index];
    for (int spins = 0; !Ready(item); ++spins) {
      if (stopped_.load(std::memory_order_relaxed)) return;
      if (spins < 200) {
        _mm_pause();
      } else {
        std::this_thread::yield();
      }
    }
    if (stopped_.load(std::memory_order_relaxed)) return;
    work(item, thread);
    const size_t at =
        static_cast<size_t>(item.node) * bands_ + item.frame * bands_per_frame_ + item.band;
    done_[at].fetch_add(1, std::memory_order_release);
  }
}

Status BandSchedule::Run(ThreadPool* pool, const CancelToken& cancel,
                         const std::function<void(const BandItem&, int)>& work) {
  pool->Run([&](int thread) { RunItems(cancel, thread, work); });
  return stopped_.load() ? cancel.Check() : OkStatus();
}

}  // namespace octoscale
