// BoundedQueue: hands items from one stage to the next, bounded in items and in bytes.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace octoscale {

// Thread-safe, any number of producers and consumers, first in first out. One item always fits,
// whatever its size, so a bound below the size of an item slows down but never blocks for good.
template <typename T>
class BoundedQueue {
 public:
  // Both bounds at least 1.
  BoundedQueue(size_t items_max, size_t bytes_max) : items_max_(items_max), bytes_max_(bytes_max) {}

  // Waits for room. False, and the item is dropped, after Cancel() or Close().
  bool Push(T item, size_t bytes) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return cancelled_ || closed_ || HasRoom(bytes); });
    if (cancelled_ || closed_) return false;
    items_.emplace_back(std::move(item), bytes);
    bytes_ += bytes;
    if (items_.size() > items_peak_) items_peak_ = items_.size();
    changed_.notify_all();
    return true;
  }

  // Waits for an item. Nothing after Cancel(), or once the queue is closed and empty.
  std::optional<T> Pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return cancelled_ || closed_ || !items_.empty(); });
    if (cancelled_ || items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front().first));
    bytes_ -= items_.front().second;
    items_.pop_front();
    changed_.notify_all();
    return item;
  }

  // No more items will come; those inside can still be taken.
  void Close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

  // Drops what is inside and releases everyone who waits.
  void Cancel() {
    std::deque<std::pair<T, size_t>> dropped;  // destroyed after the lock
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    dropped.swap(items_);
    bytes_ = 0;
    changed_.notify_all();
  }

  // The most items that were ever inside.
  size_t items_peak() const {
    const std::lock_guard lock(mutex_);
    return items_peak_;
  }

 private:
  bool HasRoom(size_t bytes) const {
    return items_.empty() || (items_.size() < items_max_ && bytes_ + bytes <= bytes_max_);
  }

  const size_t items_max_;
  const size_t bytes_max_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<T, size_t>> items_;
  size_t bytes_ = 0;
  size_t items_peak_ = 0;
  bool closed_ = false;
  bool cancelled_ = false;
};

}  // namespace octoscale
