#include "worker/task_pool.h"

#include <algorithm>
#include <utility>

namespace octoscale::worker {

TaskPool::TaskPool(int threads) {
  for (int i = 0; i < std::max(threads, 1); ++i) threads_.emplace_back([this] { Run(); });
}

TaskPool::~TaskPool() { Stop(); }

void TaskPool::Post(std::function<void()> task, Priority priority) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    (priority == Priority::kUrgent ? urgent_ : normal_).push_back(std::move(task));
  }
  changed_.notify_one();
}

void TaskPool::Stop() {
  std::deque<std::function<void()>> dropped_urgent;  // destroyed without the lock
  std::deque<std::function<void()>> dropped_normal;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped_urgent.swap(urgent_);
    dropped_normal.swap(normal_);
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void TaskPool::Run() {
  for (;;) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !urgent_.empty() || !normal_.empty(); });
      if (stopping_) return;
      auto& queue = urgent_.empty() ? normal_ : urgent_;
      task = std::move(queue.front());
      queue.pop_front();
    }
    task();
  }
}

}  // namespace octoscale::worker
