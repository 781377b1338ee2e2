// A few threads for work that must not run on the I/O threads: PNG, JPEG, pixel layouts.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace octoscale::worker {

// Thread-safe. Urgent tasks run before others; within a class in the order posted.
class TaskPool {
 public:
  enum class Priority { kUrgent, kNormal };

  explicit TaskPool(int threads);
  ~TaskPool();  // Stop()

  // Tasks must not throw. After Stop() they are dropped.
  void Post(std::function<void()> task, Priority priority = Priority::kNormal);
  // Runs no task that hasn't begun, and waits for those that have.
  void Stop();

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> urgent_;
  std::deque<std::function<void()>> normal_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace octoscale::worker
