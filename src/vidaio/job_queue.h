// Tasks that wait and tasks that run, and who waits for their answers.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/cancel.h"
#include "vidaio/job_record.h"
#include "vidaio/upscale_request.h"

namespace octoscale {

// Thread-safe.
class JobQueue {
 public:
  // Who wants the answer of a task.
  struct Waiter {
    // Called once with the finished task; with an unfinished one when the queue stops.
    std::function<void(const JobRecord&)> answer;
    std::shared_ptr<const std::atomic<bool>> gone;  // true: nobody listens; null: never so
  };
  // Does a task; false: it was stopped and is not finished.
  using Work = std::function<bool(JobRecord*, const CancelToken&)>;
  // A finished task, with its numbers filled in and before anybody is told; once for each.
  using OnFinished = std::function<void(const JobRecord&)>;
  // Stores a finished task; false: it can't be stored now. StoreAgain() calls it again then.
  using Store = std::function<bool(const JobRecord&)>;

  JobQueue(int concurrent_max, int queue_max, Work work, OnFinished on_finished, Store store);
  ~JobQueue();  // Stop()
  JobQueue(const JobQueue&) = delete;
  JobQueue& operator=(const JobQueue&) = delete;

  void Start();
  QueueState state() const;
  // How many tasks would be ahead of the next one beyond those that run; 0: it would start at once.
  int NextPosition() const;

  // Whatever the limits say: who accepts a task asks state() before, and doesn't lose accepted
  // ones.
  void Push(JobRecord job, Waiter waiter);
  enum class Joined { kYes, kUnknown, kTooMany };
  // Waits for a task that waits or runs; `check` sees what it asks for. kTooMany: as many others do
  // that are not gone.
  Joined Join(const std::string& id, const std::function<bool(const JobRecord&)>& check,
              Waiter waiter, bool* same);
  // What tasks ask for that are not finished, or not stored yet: their clips' inputs and results,
  // their folders.
  std::vector<JobRecord> Asked() const;

  // A finished task that could not be stored yet: nobody else knows how it ended.
  std::optional<JobRecord> Unstored(const std::string& id) const;
  // Tries to store those; how many are left. From one thread.
  size_t StoreAgain();

  // Whether every task is finished within `timeout`.
  bool WaitIdle(std::chrono::milliseconds timeout);
  // Running tasks are cancelled, waiting ones stay undone; all waiters are told. Not while another
  // thread is in StoreAgain().
  void Stop();

 private:
  struct Entry {
    JobRecord asked;  // as accepted; never changes
    JobRecord job;    // the worker's
    std::vector<Waiter> waiters;
    bool unstored = false;  // finished: `job` says how, and nobody waits
  };
  void Loop();
  void Finish(const std::string& id, bool finished);
  bool TryToStore(const JobRecord& job);
  QueueState StateLocked() const;

  const int concurrent_max_;
  const int queue_max_;
  const Work work_;
  const OnFinished on_finished_;
  const Store store_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  std::map<std::string, Entry> entries_;
  std::deque<std::string> waiting_;
  int running_ = 0;
  bool stopping_ = false;
  CancelToken cancel_;
  std::vector<std::thread> threads_;
};

}  // namespace octoscale
