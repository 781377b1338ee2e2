#include "planner/upscaler_speed.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "frame/synthetic_picture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octoscale {
namespace {

using std::chrono::milliseconds;
using ::testing::Each;
using ::testing::ElementsAre;

// Some workers, which take a fixed time for a frame, behind one interface.
class Workers : public FrameUpscaler {
 public:
  Workers(int workers, int slots, milliseconds per_frame) : free_(workers), per_frame_(per_frame) {
    info_.model = "net";
    info_.scale = 1;
    info_.batches_in_flight = slots;
  }
  const UpscalerInfo& info() const override { return info_; }
  void FailFrom(int call) { failing_call_ = call; }

  Result<std::vector<Frame>> Upscale(std::vector<Frame> batch, const CancelToken&) override {
    std::unique_lock lock(mutex_);
    const int call = static_cast<int>(sizes_.size());
    sizes_.push_back(batch.size());
    inside_most_ = std::max(inside_most_, ++inside_);
    // Nobody goes on before all slots of the round are here: that they are busy at once is certain.
    const int round = call / info_.batches_in_flight + 1;
    arrived_.notify_all();
    arrived_.wait(lock, [&] {
      return sizes_.size() >= static_cast<size_t>(round * info_.batches_in_flight) && free_ > 0;
    });
    --free_;
    lock.unlock();
    std::this_thread::sleep_for(per_frame_ * batch.size());
    lock.lock();
    ++free_;
    --inside_;
    arrived_.notify_all();
    if (call >= failing_call_) return Unavailable("no worker is left");
    return batch;
  }

  std::vector<size_t> sizes_;  // of the batches, in the order of the calls
  int inside_most_ = 0;

 private:
  UpscalerInfo info_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  int inside_ = 0;
  int free_;
  milliseconds per_frame_;
  int failing_call_ = 1 << 20;
};

class UpscalerSpeedTest : public ::testing::Test {
 protected:
  UpscalerSpeedTest() {
    for (uint32_t i = 0; i < 5; ++i) frames_.push_back(SyntheticPicture({40, 30}, i));
  }
  Result<UpscalerSpeed> Measure(Workers& workers) {
    const auto keep = [this](size_t index, const Frame& upscaled) {
      const std::lock_guard lock(mutex_);
      EXPECT_TRUE(upscaled.SamePixels(frames_[index])) << index;
      kept_.insert(index);
    };
    return MeasureUpscaler(workers, frames_, keep, {});
  }

  std::vector<Frame> frames_;
  std::mutex mutex_;
  std::set<size_t> kept_;
};

TEST_F(UpscalerSpeedTest, AllSlotsWorkAtOnceOnBatchesOfTheClip) {
  Workers workers(2, 4, milliseconds(5));
  const auto speed = Measure(workers);
  ASSERT_TRUE(speed.ok()) << speed.status().message();
  EXPECT_EQ(workers.inside_most_, 4);
  ASSERT_EQ(workers.sizes_.size(), 8u);
  EXPECT_THAT(std::vector<size_t>(workers.sizes_.begin(), workers.sizes_.begin() + 4), Each(1u));
  EXPECT_THAT(std::vector<size_t>(workers.sizes_.begin() + 4, workers.sizes_.end()),
              Each(workers.sizes_.back()));
  EXPECT_LE(workers.sizes_.back(), 8u);
  EXPECT_THAT(kept_, ElementsAre(0, 1, 2, 3, 4));
  // Two at once, never faster than they sleep.
  EXPECT_GE(speed->speed.wall * 40 * 30, 0.0025);
  EXPECT_LT(speed->speed.wall * 40 * 30, 0.5);
  EXPECT_GT(speed->speed.cpu, 0);
  EXPECT_GE(speed->batches_abreast, 1);
  EXPECT_LE(speed->batches_abreast, 4);
}

TEST_F(UpscalerSpeedTest, WhatIsSlowIsMeasuredOnce) {
  Workers workers(1, 2, milliseconds(1600));
  const auto speed = Measure(workers);
  ASSERT_TRUE(speed.ok()) << speed.status().message();
  EXPECT_THAT(workers.sizes_, ElementsAre(1, 1));
  EXPECT_GE(speed->speed.wall * 40 * 30, 1.6);
}

TEST_F(UpscalerSpeedTest, AFailureOfAnyBatchIsTheAnswer) {
  Workers workers(2, 3, milliseconds(0));
  workers.FailFrom(4);
  const auto speed = Measure(workers);
  EXPECT_EQ(speed.status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(speed.status().message(), "no worker is left");
}

}  // namespace
}  // namespace octoscale
