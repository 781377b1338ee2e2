// The order in which the bands of a plan are computed, and the waiting that keeps it right.
//
// All frames of a group form one stream of bands that flows through the nodes of a segment, each
// node trailing its producers; segments follow each other. Work items are handed out in one fixed
// order in which everything an item needs comes earlier; a thread that takes an item waits until
// its needs are met. So any number of threads runs the same schedule, without deadlock and without
// a barrier: the end of one frame or segment overlaps the beginning of the next.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/cancel.h"
#include "base/thread_pool.h"
#include "engine/plan.h"

namespace octoscale {

// One work item: a node's part of one band.
struct BandItem {
  int segment = 0;
  int node = 0;   // in the segment
  int frame = 0;  // in the group
  int band = 0;   // in the frame
  int chunk = 0;  // of columns
};

// Good for one Run().
class BandSchedule {
 public:
  BandSchedule(const Plan& plan, int frames, int bands_per_frame, int chunks);

  // Calls work(item, thread) for every item, on all threads of the pool. Returns early with the
  // token's status when it stops.
  Status Run(ThreadPool* pool, const CancelToken& cancel,
             const std::function<void(const BandItem&, int)>& work);

 private:
  // A band of another node that must be done before an item may run.
  struct Need {
    int node = 0;            // in the plan
    int offset = 0;          // in bands of the stream
    bool same_frame = true;  // no need across a frame border
  };

  void AddNeeds(const Plan& plan);
  void AddItems(const Plan& plan);
  bool Ready(const BandItem& item) const;
  void WaitUntilReady(const BandItem& item);
  void Announce();
  void RunItems(const CancelToken& cancel, int thread,
                const std::function<void(const BandItem&, int)>& work);

  int bands_per_frame_;
  int bands_;  // of the whole stream
  int chunks_;
  std::vector<int> first_node_;           // in the plan, by segment
  std::vector<std::vector<Need>> needs_;  // by node of the plan
  std::vector<BandItem> items_;
  std::unique_ptr<std::atomic<int>[]> done_;       // [node][band]: chunks computed
  std::unique_ptr<std::atomic<int>[]> remaining_;  // items, by segment
  std::atomic<size_t> next_{0};
  std::atomic<uint32_t> progress_{0};  // changes with every item done
  std::atomic<int> sleepers_{0};
  std::atomic<bool> stopped_{false};
};

}  // namespace octoscale
