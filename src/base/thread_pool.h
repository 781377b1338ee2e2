// A fixed set of threads that run one function together.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace octoscale {

class ThreadPool {
 public:
  // threads >= 1; the caller of Run() is one of them. Throws std::system_error when the system
  // refuses one, and std::bad_alloc.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls work(0) .. work(threads() - 1), each on its own thread, and returns when all have. `work`
  // must not throw. One Run() at a time.
  void Run(const std::function<void(int)>& work);

 private:
  void Loop(int index);
  void Stop();

  std::mutex mutex_;
  std::condition_variable start_;
  std::condition_variable done_;
  const std::function<void(int)>* work_ = nullptr;
  unsigned generation_ = 0;
  int running_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace octoscale
