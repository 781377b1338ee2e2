// ReorderBuffer: items that are finished in any order, taken in the order of their numbers.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

namespace octoscale {

// Thread-safe. Bounded in bytes: an early item waits for room, the one that is due never does, so
// the buffer can't deadlock.
template <typename T>
class ReorderBuffer {
 public:
  explicit ReorderBuffer(size_t bytes_max) : bytes_max_(bytes_max) {}

  // Numbers 0, 1, 2, ... each once. False, and the item is dropped, after Cancel().
  bool Put(int64_t number, T item, size_t bytes) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock,
                  [&] { return cancelled_ || number == next_ || bytes_ + bytes <= bytes_max_; });
    if (cancelled_) return false;
    items_.emplace(number, std::make_pair(std::move(item), bytes));
    bytes_ += bytes;
    changed_.notify_all();
    return true;
  }

  // Waits for the item that is due. Nothing after Cancel(), or after the last one.
  std::optional<T> Pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return cancelled_ || next_ == end_ || items_.contains(next_); });
    if (cancelled_ || next_ == end_) return std::nullopt;
    auto found = items_.find(next_);
    std::optional<T> item(std::move(found->second.first));
    bytes_ -= found->second.second;
    items_.erase(found);
    ++next_;
    changed_.notify_all();
    return item;
  }

  // There will be `count` items in all.
  void SetEnd(int64_t count) {
    const std::lock_guard lock(mutex_);
    end_ = count;
    changed_.notify_all();
  }

  void Cancel() {
    std::map<int64_t, std::pair<T, size_t>> dropped;  // destroyed after the lock
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    dropped.swap(items_);
    changed_.notify_all();
  }

 private:
  const size_t bytes_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int64_t, std::pair<T, size_t>> items_;
  size_t bytes_ = 0;
  int64_t next_ = 0;
  int64_t end_ = -1;
  bool cancelled_ = false;
};

}  // namespace octoscale
