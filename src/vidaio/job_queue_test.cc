#include "vidaio/job_queue.h"

#include <atomic>
#include <future>
#include <stdexcept>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octoscale {
namespace {

using ::testing::HasSubstr;

constexpr std::chrono::seconds kLong{120};

JobRecord Job(const std::string& id) {
  JobRecord job;
  job.id = id;
  job.clips.resize(2);
  job.clips[0].source = "https://h/x?signature=1";
  job.clips[0].state = JobState::kDone;
  job.clips[1].source = "b.mp4";
  return job;
}

bool Finish(JobRecord* job, const CancelToken&) {
  job->state = JobState::kDone;
  return true;
}

class JobQueueTest : public ::testing::Test {
 protected:
  JobQueue::Store Storing() {
    return [this](const JobRecord& job) {
      if (!can_store_) return false;
      stored_.push_back(job);
      return true;
    };
  }
  // How a task ended, for the one who waits for it.
  JobRecord Run(JobQueue& queue, const std::string& id) {
    std::promise<JobRecord> promise;
    queue.Push(Job(id), {[&promise](const JobRecord& job) { promise.set_value(job); }, nullptr});
    return promise.get_future().get();
  }

  std::atomic<bool> can_store_{true};
  std::vector<JobRecord> stored_;
  std::atomic<int> finished_{0};
};

TEST_F(JobQueueTest, ATaskWhoseWorkThrowsFailsAtThatTime) {
  JobQueue queue(
      1, 1, [](JobRecord*, const CancelToken&) -> bool { throw std::runtime_error("no memory"); },
      [this](const JobRecord&) { ++finished_; }, Storing());
  queue.Start();
  const JobRecord job = Run(queue, "t");
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_GT(job.finished_s, 0) << "else it is removed with the oldest ones";
  EXPECT_EQ(job.clips[0].state, JobState::kDone);
  EXPECT_EQ(job.clips[1].state, JobState::kFailed);
  EXPECT_THAT(job.clips[1].error, HasSubstr("b.mp4: unexpected: no memory"));
  ASSERT_EQ(stored_.size(), 1u);
  EXPECT_EQ(stored_[0].finished_s, job.finished_s);
  EXPECT_EQ(finished_, 1);
}

TEST_F(JobQueueTest, AFinishedTaskIsKeptUntilItIsStored) {
  can_store_ = false;
  JobQueue queue(
      1, 1, Finish, [this](const JobRecord&) { ++finished_; }, Storing());
  queue.Start();
  EXPECT_EQ(Run(queue, "t").state, JobState::kDone);
  EXPECT_TRUE(queue.WaitIdle(kLong)) << "nothing is to be done";
  EXPECT_EQ(queue.state().total_pending(), 0);
  ASSERT_TRUE(queue.Unstored("t").has_value());
  EXPECT_EQ(queue.Unstored("t")->state, JobState::kDone);
  EXPECT_FALSE(queue.Unstored("other").has_value());
  EXPECT_EQ(queue.Asked().size(), 1u) << "its files are in use";
  EXPECT_EQ(queue.StoreAgain(), 1u);
  can_store_ = true;
  EXPECT_EQ(queue.StoreAgain(), 0u);
  EXPECT_EQ(stored_.size(), 1u);
  EXPECT_FALSE(queue.Unstored("t").has_value());
  EXPECT_TRUE(queue.Asked().empty());
  EXPECT_EQ(finished_, 1) << "told once";
}

TEST_F(JobQueueTest, OnlyCallersThatAreThereCount) {
  JobQueue queue(
      1, 1, Finish, [](const JobRecord&) {}, Storing());  // not started
  queue.Push(Job("t"), {});
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  std::atomic<int> answers{0};
  const JobQueue::Waiter waiter{[&answers](const JobRecord&) { ++answers; }, gone};
  const auto any = [](const JobRecord&) { return true; };
  bool same = false;
  int joined = 0;
  while (queue.Join("t", any, waiter, &same) == JobQueue::Joined::kYes) ++joined;
  EXPECT_EQ(joined, 64);
  *gone = true;
  EXPECT_EQ(queue.Join("t", any, {waiter.answer, nullptr}, &same), JobQueue::Joined::kYes);
  queue.Stop();
  EXPECT_EQ(answers, 1) << "whoever is gone is forgotten";
}

TEST_F(JobQueueTest, StoppingTriesToStoreOnceMore) {
  can_store_ = false;
  JobQueue queue(
      1, 1, Finish, [](const JobRecord&) {}, Storing());
  queue.Start();
  Run(queue, "t");
  ASSERT_TRUE(queue.WaitIdle(kLong));
  can_store_ = true;
  queue.Stop();
  EXPECT_EQ(stored_.size(), 1u);
}

TEST_F(JobQueueTest, AStoreThatThrowsIsAskedAgain) {
  std::atomic<int> calls{0};
  JobQueue queue(
      1, 1, Finish, [](const JobRecord&) {},
      [&calls](const JobRecord&) -> bool {
        if (++calls == 1) throw std::bad_alloc();
        return true;
      });
  queue.Start();
  EXPECT_EQ(Run(queue, "t").state, JobState::kDone);
  ASSERT_TRUE(queue.WaitIdle(kLong));
  EXPECT_EQ(queue.StoreAgain(), 0u);
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace octoscale
