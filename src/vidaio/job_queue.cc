#include "vidaio/job_queue.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/clock.h"
#include "http/absolute_url.h"

namespace octoscale {
namespace {

constexpr size_t kWaitersMax = 64;  // of one task

// Out of memory or threads.
void GiveUp(JobRecord* job, const char* why) {
  job->state = JobState::kFailed;
  job->finished_s = UnixSeconds();
  job->taken_ms = std::max<int64_t>(1, UnixMilliseconds() - job->created_ms);
  for (ClipRecord& clip : job->clips) {
    if (IsFinished(clip.state)) continue;
    clip.state = JobState::kFailed;
    clip.error = http::WithoutQuery(clip.source) + ": unexpected: " + why;
  }
}

}  // namespace

JobQueue::JobQueue(int concurrent_max, int queue_max, Work work, OnFinished on_finished,
                   Store store)
    : concurrent_max_(concurrent_max),
      queue_max_(queue_max),
      work_(std::move(work)),
      on_finished_(std::move(on_finished)),
      store_(std::move(store)) {}

JobQueue::~JobQueue() { Stop(); }

void JobQueue::Start() {
  for (int i = 0; i < concurrent_max_; ++i) threads_.emplace_back([this] { Loop(); });
}

QueueState JobQueue::StateLocked() const {
  // A task that a free thread is about to take does not wait.
  const int pending = running_ + static_cast<int>(waiting_.size());
  const int active = std::min(pending, concurrent_max_);
  return {concurrent_max_, queue_max_, active, pending - active};
}

QueueState JobQueue::state() const {
  const std::lock_guard lock(mutex_);
  return StateLocked();
}

int JobQueue::NextPosition() const {
  return std::max(0, state().total_pending() + 1 - concurrent_max_);
}

void JobQueue::Push(JobRecord job, Waiter waiter) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(job.id);
    const std::string id = job.id;
    Entry& entry = entries_[id];
    entry.asked = job;
    entry.job = std::move(job);
    if (waiter.answer) entry.waiters.push_back(std::move(waiter));
  }
  wake_.notify_one();
}

JobQueue::Joined JobQueue::Join(const std::string& id,
                                const std::function<bool(const JobRecord&)>& check, Waiter waiter,
                                bool* same) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.unstored) return Joined::kUnknown;
  *same = check(found->second.asked);
  if (!*same) return Joined::kYes;
  std::vector<Waiter>& waiters = found->second.waiters;
  std::erase_if(waiters, [](const Waiter& one) { return one.gone && *one.gone; });
  if (waiters.size() >= kWaitersMax) return Joined::kTooMany;
  waiters.push_back(std::move(waiter));
  return Joined::kYes;
}

std::vector<JobRecord> JobQueue::Asked() const {
  const std::lock_guard lock(mutex_);
  std::vector<JobRecord> jobs;
  for (const auto& [id, entry] : entries_) jobs.push_back(entry.asked);
  return jobs;
}

void JobQueue::Loop() {
  for (;;) {
    std::string id;
    JobRecord* job = nullptr;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (stopping_) return;
      id = waiting_.front();
      waiting_.pop_front();
      ++running_;
      job = &entries_[id].job;  // stays where it is in a map
    }
    bool finished = false;
    try {
      finished = work_(job, cancel_);
    } catch (const std::exception& error) {
      finished = true;
      GiveUp(job, error.what());
    }
    Finish(id, finished);
  }
}

void JobQueue::Finish(const std::string& id, bool finished) {
  std::vector<Waiter> waiters;
  JobRecord job;
  {
    const std::lock_guard lock(mutex_);
    --running_;
    Entry& entry = entries_[id];
    const QueueState now = StateLocked();
    entry.job.active_tasks = now.active_tasks;
    entry.job.queued_tasks = now.queued_tasks;
    job = entry.job;
  }
  // Stored before the entry goes: a repeated task is found in one place or the other.
  bool stored = true;
  if (finished) {
    on_finished_(job);
    stored = TryToStore(job);
  }
  {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_[id];
    waiters = std::move(entry.waiters);
    entry.unstored = !stored;
    if (stored) entries_.erase(id);
  }
  idle_.notify_all();
  for (const Waiter& waiter : waiters) waiter.answer(job);
}

bool JobQueue::TryToStore(const JobRecord& job) {
  try {
    return store_(job);
  } catch (const std::exception&) {
    return false;
  }
}

std::optional<JobRecord> JobQueue::Unstored(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end() || !found->second.unstored) return std::nullopt;
  return found->second.job;
}

size_t JobQueue::StoreAgain() {
  std::vector<JobRecord> unstored;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : entries_) {
      if (entry.unstored) unstored.push_back(entry.job);
    }
  }
  size_t left = 0;
  for (const JobRecord& job : unstored) {
    if (!TryToStore(job)) {
      ++left;
      continue;
    }
    const std::lock_guard lock(mutex_);
    entries_.erase(job.id);
  }
  return left;
}

bool JobQueue::WaitIdle(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return idle_.wait_for(lock, timeout, [this] {
    return std::all_of(entries_.begin(), entries_.end(),
                       [](const auto& entry) { return entry.second.unstored; });
  });
}

void JobQueue::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  cancel_.Cancel();
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  StoreAgain();
  std::map<std::string, Entry> left;
  {
    const std::lock_guard lock(mutex_);
    left.swap(entries_);
    waiting_.clear();
  }
  idle_.notify_all();
  for (const auto& [id, entry] : left) {
    for (const Waiter& waiter : entry.waiters) waiter.answer(entry.asked);
  }
}

}  // namespace octoscale
