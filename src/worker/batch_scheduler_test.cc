#include "worker/batch_scheduler.h"

#include <gtest/gtest.h>

#include <set>
#include <stdexcept>

#include "worker/test_support.h"

namespace octoscale::worker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Collects what tickets came to, by label.
class Results {
 public:
  std::function<void(Result<Ticket::Output>)> Note(std::string label) {
    return [this, label = std::move(label)](Result<Ticket::Output> result) {
      const std::lock_guard lock(mutex_);
      codes_[label] = result.status().code();
      order_.push_back(label);
      if (result.ok() && unwanted_.count(label) == 0) outputs_[label] = std::move(*result);
      changed_.notify_all();
    };
  }
  bool Wait(size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, seconds(20), [&] { return order_.size() >= count; });
  }
  bool WaitFor(const std::string& label, milliseconds at_most) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, at_most, [&] { return codes_.count(label) > 0; });
  }
  bool Has(const std::string& label) { return WaitFor(label, milliseconds(0)); }
  StatusCode code(const std::string& label) {
    const std::lock_guard lock(mutex_);
    return codes_.at(label);
  }
  std::vector<std::string> order() {
    const std::lock_guard lock(mutex_);
    return order_;
  }
  // At once, or as soon as it comes.
  void DropOutput(const std::string& label) {
    Ticket::Output dropped;  // destroyed without the lock
    const std::lock_guard lock(mutex_);
    std::swap(dropped, outputs_[label]);
    unwanted_.insert(label);
  }
  Ticket::Output& output(const std::string& label) { return outputs_.at(label); }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, StatusCode> codes_;
  std::map<std::string, Ticket::Output> outputs_;
  std::set<std::string> unwanted_;
  std::vector<std::string> order_;
};

class BatchSchedulerTest : public testing::Test {
 protected:
  void Start(SchedulerOptions options = {}) { scheduler_.emplace(options, &cache_, metrics_); }
  // Frames are 4x4, and told apart by `seed`.
  Ticket Make(const std::string& label, int frames, const std::string& caller = "a",
              FrameSize size = {4, 4}) {
    Ticket ticket;
    ticket.key = {"fake", 2, 0};
    ticket.caller = caller;
    for (int i = 0; i < frames; ++i) {
      ticket.frames.push_back(TestFrame(size.width, size.height, seed_++));
    }
    ticket.done = results_.Note(label);
    return ticket;
  }
  void Submit(Ticket ticket) { ASSERT_TRUE(scheduler_->Submit(std::move(ticket)).ok()); }

  std::shared_ptr<FakeProvider> provider_ = std::make_shared<FakeProvider>();
  FakeUpscaler& upscaler_ = provider_->At(2);
  UpscalerCache cache_{provider_, 4};
  Results results_;
  metrics::Registry registry_;
  SchedulerMetrics metrics_;
  int seed_ = 0;
  std::optional<BatchScheduler> scheduler_;  // stopped before what its callbacks use
};

SchedulerOptions LongDelay() {
  SchedulerOptions options;
  options.delay_max = std::chrono::minutes(10);
  return options;
}

TEST_F(BatchSchedulerTest, AFullBatchNeverWaits) {
  Start(LongDelay());
  Submit(Make("full", 8));
  ASSERT_TRUE(results_.Wait(1));
  EXPECT_EQ(upscaler_.batches(), std::vector<size_t>{8});
  ASSERT_EQ(results_.output("full").frames.size(), 8u);
  for (int i = 0; i < 8; ++i) {
    EXPECT_TRUE(results_.output("full").frames[static_cast<size_t>(i)].SamePixels(
        FakeUpscaler::Enlarge(TestFrame(4, 4, i), 2)));
  }
}

TEST_F(BatchSchedulerTest, SinglesOfSeveralRequestsAreMerged) {
  Start(LongDelay());
  for (int i = 0; i < 8; ++i) {
    Submit(Make(std::to_string(i), 1, i % 2 == 0 ? "a" : "b"));
  }
  ASSERT_TRUE(results_.Wait(8));
  EXPECT_EQ(upscaler_.batches(), std::vector<size_t>{8}) << "as soon as the batch is full";
  for (int i = 0; i < 8; ++i) {
    EXPECT_TRUE(results_.output(std::to_string(i))
                    .frames[0]
                    .SamePixels(FakeUpscaler::Enlarge(TestFrame(4, 4, i), 2)));
  }
}

TEST_F(BatchSchedulerTest, ASingleRunsAloneAfterTheDelay) {
  SchedulerOptions options;
  options.delay_max = milliseconds(1);
  Start(options);
  Submit(Make("one", 1));
  ASSERT_TRUE(results_.Wait(1));
  EXPECT_EQ(upscaler_.batches(), std::vector<size_t>{1});
}

TEST_F(BatchSchedulerTest, OnlyEqualModelsScalesAndSizesAreMerged) {
  SchedulerOptions options;
  options.delay_max = milliseconds(50);
  Start(options);
  Ticket scale3 = Make("scale3", 1);
  scale3.key.scale = 3;
  Ticket patch = Make("patch", 1);
  patch.key.patch_size = 64;
  Ticket mixed = Make("mixed", 1);
  mixed.frames.push_back(TestFrame(5, 4, 0));
  upscaler_.Hold();
  Submit(Make("blocker", 8));
  ASSERT_TRUE(upscaler_.WaitForBatches(1));
  Submit(Make("a", 1));
  Submit(Make("wide", 1, "a", {6, 4}));
  Submit(std::move(scale3));
  Submit(std::move(patch));
  Submit(std::move(mixed));
  Submit(Make("b", 2));
  upscaler_.LetGo();
  ASSERT_TRUE(results_.Wait(7));
  auto batches = upscaler_.batches();
  std::sort(batches.begin(), batches.end());
  EXPECT_EQ(batches, (std::vector<size_t>{1, 2, 3, 8})) << "wide, mixed, a with b, blocker";
}

TEST_F(BatchSchedulerTest, CallersTakeTurns) {
  Start();
  upscaler_.Hold();
  Submit(Make("first", 8, "greedy"));
  ASSERT_TRUE(upscaler_.WaitForBatches(1));
  for (int i = 0; i < 4; ++i) Submit(Make("greedy" + std::to_string(i), 8, "greedy"));
  Submit(Make("modest", 8, "modest"));
  upscaler_.LetGo();
  ASSERT_TRUE(results_.Wait(6));
  const auto order = results_.order();
  EXPECT_EQ(order[1], "modest") << "not behind the other's whole queue";
}

TEST_F(BatchSchedulerTest, AStoppedTicketIsDroppedWhileItWaits) {
  Start();
  upscaler_.Hold();
  Submit(Make("first", 8));
  ASSERT_TRUE(upscaler_.WaitForBatches(1));
  Ticket left = Make("left", 8);
  Ticket late = Make("late", 8);
  const CancelToken token = left.cancel;
  late.deadline = std::chrono::steady_clock::now();
  late.cancel.SetDeadline(*late.deadline);
  Submit(std::move(left));
  Submit(std::move(late));
  token.Cancel();
  scheduler_->Kick();
  upscaler_.LetGo();
  ASSERT_TRUE(results_.Wait(3));
  EXPECT_EQ(results_.code("left"), StatusCode::kCancelled);
  EXPECT_EQ(results_.code("late"), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(upscaler_.batches().size(), 1u);
}

TEST_F(BatchSchedulerTest, ARunningBatchStopsWhenNobodyWantsIt) {
  SchedulerOptions options = LongDelay();
  options.batch_frames = 2;
  Start(options);
  upscaler_.Hold();
  Ticket a = Make("a", 1, "a");
  Ticket b = Make("b", 1, "b");
  const CancelToken token_a = a.cancel;
  const CancelToken token_b = b.cancel;
  Submit(std::move(a));
  Submit(std::move(b));
  ASSERT_TRUE(upscaler_.WaitForBatches(1));
  token_a.Cancel();
  scheduler_->Kick();
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_TRUE(results_.order().empty()) << "b still wants it";
  token_b.Cancel();
  scheduler_->Kick();
  ASSERT_TRUE(results_.Wait(2));
  EXPECT_TRUE(upscaler_.WaitForCancelled(1));
  EXPECT_EQ(results_.code("b"), StatusCode::kCancelled);
}

TEST_F(BatchSchedulerTest, ABadFrameFailsOnlyItsOwnRequest) {
  SchedulerOptions options = LongDelay();
  options.batch_frames = 3;
  Start(options);
  upscaler_.FailWhen([](const std::vector<Frame>& batch) {
    for (const Frame& frame : batch) {
      if (frame.SamePixels(TestFrame(4, 4, 1))) return Internal("bad frame");
    }
    return OkStatus();
  });
  for (int i = 0; i < 3; ++i) Submit(Make(std::to_string(i), 1));
  ASSERT_TRUE(results_.Wait(3));
  EXPECT_EQ(results_.code("0"), StatusCode::kOk);
  EXPECT_EQ(results_.code("1"), StatusCode::kInternal);
  EXPECT_EQ(results_.code("2"), StatusCode::kOk);
  EXPECT_EQ(upscaler_.batches(), (std::vector<size_t>{3, 1, 1, 1}));
}

TEST_F(BatchSchedulerTest, CountsGoodBatchesAndEachWaitOnce) {
  metrics_.frames = &registry_.AddCounter("frames", "");
  metrics_.executions = &registry_.AddCounter("executions", "");
  metrics_.failed_executions = &registry_.AddCounter("failed", "");
  metrics_.merged_executions = &registry_.AddCounter("merged", "");
  metrics_.queue_seconds = &registry_.AddHistogram("queue", "", {1});
  metrics_.inference_seconds = &registry_.AddHistogram("inference", "", {60});
  SchedulerOptions options = LongDelay();
  options.batch_frames = 3;
  Start(options);
  upscaler_.FailWhen([](const std::vector<Frame>& batch) {
    return batch.size() > 1 ? Internal("only one at a time") : OkStatus();
  });
  for (int i = 0; i < 3; ++i) Submit(Make(std::to_string(i), 1));
  ASSERT_TRUE(results_.Wait(3));
  provider_->OnMake([] { std::this_thread::sleep_for(milliseconds(50)); });
  Ticket loading = Make("loading", 3);
  loading.key.scale = 3;
  const double before = metrics_.inference_seconds->sum();
  const auto start = std::chrono::steady_clock::now();
  Submit(std::move(loading));
  ASSERT_TRUE(results_.Wait(4));
  const std::chrono::duration<double> all = std::chrono::steady_clock::now() - start;
  EXPECT_LT(metrics_.inference_seconds->sum() - before, all.count() - 0.05) << "without loading";
  EXPECT_EQ(metrics_.frames->value(), 6);
  EXPECT_EQ(metrics_.executions->value(), 4);
  EXPECT_EQ(metrics_.failed_executions->value(), 1);
  EXPECT_EQ(metrics_.merged_executions->value(), 0) << "the merged one failed";
  EXPECT_EQ(metrics_.queue_seconds->count(), 4u);
  EXPECT_EQ(metrics_.inference_seconds->count(), 4u);
}

TEST_F(BatchSchedulerTest, ResultsThatNobodyTakesHoldTheQueueUp) {
  SchedulerOptions options;
  options.output_bytes_max = 8 * 8 * 8 * 3;  // one batch of eight 4x4 frames, doubled
  Start(options);
  Submit(Make("a", 8));
  ASSERT_TRUE(results_.Wait(1));
  Submit(Make("b", 8));
  std::this_thread::sleep_for(milliseconds(30));
  EXPECT_EQ(upscaler_.batches().size(), 1u);
  results_.DropOutput("a");
  ASSERT_TRUE(results_.Wait(2));
  results_.DropOutput("b");
  Submit(Make("huge", 9));  // more than the whole budget: runs when nothing else is held
  ASSERT_TRUE(results_.Wait(3));
  EXPECT_EQ(results_.code("huge"), StatusCode::kOk);
}

constexpr uint64_t kResultBytes = 8 * 8 * 3;  // of a 4x4 frame, doubled

// Room for 8 results, 4 of them one caller's.
SchedulerOptions RoomForEight() {
  SchedulerOptions options;
  options.batch_frames = 1;
  options.output_bytes_max = 8 * kResultBytes;
  options.passing_max = std::chrono::minutes(10);
  return options;
}

TEST_F(BatchSchedulerTest, ACallerHoldsAtMostItsShareOfTheResults) {
  Start(RoomForEight());
  Submit(Make("held", 4, "slow"));
  ASSERT_TRUE(results_.Wait(1));
  Submit(Make("next", 1, "slow"));
  for (int i = 0; i < 9; ++i) {  // more pixels than the slow one had, so it was the slow one's turn
    Submit(Make(std::to_string(i), 1, "quick"));
    ASSERT_TRUE(results_.WaitFor(std::to_string(i), seconds(20)));
    results_.DropOutput(std::to_string(i));
  }
  EXPECT_FALSE(results_.Has("next")) << "half of the room was free for others only";
  results_.DropOutput("held");
  ASSERT_TRUE(results_.Wait(11));
  EXPECT_EQ(results_.code("next"), StatusCode::kOk);
}

TEST_F(BatchSchedulerTest, SmallResultsOfOthersPassOneThatHasNoRoom) {
  Start(RoomForEight());
  Submit(Make("slow reader's", 4, "slow"));
  ASSERT_TRUE(results_.Wait(1));
  Submit(Make("large", 5, "large"));
  for (int i = 0; i < 9; ++i) {
    Submit(Make(std::to_string(i), 1, "quick"));
    ASSERT_TRUE(results_.WaitFor(std::to_string(i), seconds(20)));
    results_.DropOutput(std::to_string(i));
  }
  EXPECT_FALSE(results_.Has("large"));
  results_.DropOutput("slow reader's");
  ASSERT_TRUE(results_.Wait(11));
  EXPECT_EQ(results_.code("large"), StatusCode::kOk);
}

TEST_F(BatchSchedulerTest, WhatHasNoRoomIsNotPassedForEver) {
  SchedulerOptions options = RoomForEight();
  options.passing_max = milliseconds(100);
  Start(options);
  Submit(Make("quick0", 1, "quick"));
  Submit(Make("quick1", 1, "quick"));
  ASSERT_TRUE(results_.Wait(2));
  Submit(Make("large", 7, "large"));
  // Two small results are held at any time for as long as small ones pass.
  int next = 2;
  for (; next < 5'000 && !results_.Has("large"); ++next) {
    Submit(Make("quick" + std::to_string(next), 1, "quick"));
    results_.WaitFor("quick" + std::to_string(next), milliseconds(10));
    results_.DropOutput("quick" + std::to_string(next - 2));
  }
  EXPECT_TRUE(results_.Has("large"));
}

TEST_F(BatchSchedulerTest, TicketsOfAJobKeepTheirOrder) {
  SchedulerOptions options;
  options.delay_max = milliseconds(100);
  Start(options);
  const int job = 0;
  Ticket single = Make("single", 1);
  Ticket full = Make("full", 8);
  single.job = full.job = &job;
  Submit(std::move(single));
  Submit(std::move(full));
  ASSERT_TRUE(results_.Wait(2));
  EXPECT_EQ(results_.order(), (std::vector<std::string>{"single", "full"}))
      << "although a full batch need not wait for others";
}

TEST_F(BatchSchedulerTest, AMergedBatchIsBoundedInBytesOfResults) {
  SchedulerOptions options;
  options.delay_max = milliseconds(1);
  options.output_bytes_max = 4 * 2 * kResultBytes;  // a batch may have two results
  Start(options);
  upscaler_.Hold();
  Submit(Make("blocker", 1));
  ASSERT_TRUE(upscaler_.WaitForBatches(1));
  for (int i = 0; i < 4; ++i) Submit(Make(std::to_string(i), 1, std::to_string(i)));
  upscaler_.LetGo();
  ASSERT_TRUE(results_.Wait(5));
  EXPECT_EQ(upscaler_.batches(), (std::vector<size_t>{1, 2, 2}));
}

TEST_F(BatchSchedulerTest, AMissingUpscalerIsItsTicketsError) {
  Start();
  provider_->SetMakeError(NotFound("/models/weights.bin is gone"));
  Ticket ticket = Make("x", 8);
  ticket.key.scale = 3;
  Submit(std::move(ticket));
  ASSERT_TRUE(results_.Wait(1));
  EXPECT_EQ(results_.code("x"), StatusCode::kInternal) << "not the caller's mistake";
}

TEST_F(BatchSchedulerTest, WhatIsThrownIsItsTicketsError) {
  Start();
  upscaler_.FailWhen([](const auto&) -> Status { throw std::runtime_error("thrown"); });
  Submit(Make("computing", 8));
  ASSERT_TRUE(results_.Wait(1));
  EXPECT_EQ(results_.code("computing"), StatusCode::kInternal);
  upscaler_.FailWhen({});
  provider_->OnMake([] { throw std::runtime_error("thrown"); });
  Ticket loading = Make("loading", 8);
  loading.key.scale = 3;
  Submit(std::move(loading));
  Submit(Make("next", 8));
  ASSERT_TRUE(results_.Wait(3));
  EXPECT_EQ(results_.code("loading"), StatusCode::kInternal);
  EXPECT_EQ(results_.code("next"), StatusCode::kOk);
}

TEST_F(BatchSchedulerTest, StopAnswersEverything) {
  Start();
  upscaler_.Hold();
  Submit(Make("running", 8));
  ASSERT_TRUE(upscaler_.WaitForBatches(1));
  Submit(Make("waiting", 8));
  const SchedulerState state = scheduler_->state();
  EXPECT_EQ(state.frames_running, 8u);
  EXPECT_EQ(state.frames_waiting, 8u);
  EXPECT_EQ(state.running_model, "fake");
  scheduler_->Stop();
  EXPECT_EQ(results_.code("running"), StatusCode::kCancelled);
  EXPECT_EQ(results_.code("waiting"), StatusCode::kUnavailable);
  EXPECT_EQ(scheduler_->Submit(Make("late", 1)).code(), StatusCode::kUnavailable);
}

}  // namespace
}  // namespace octoscale::worker
