// A shared bound on bytes, and the RAII holds that use it up.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace octoscale::worker {

// Thread-safe.
class ByteBudget {
 public:
  // on_release: called without locks after bytes come free; may be empty.
  explicit ByteBudget(uint64_t bytes_max, std::function<void()> on_release = {})
      : bytes_max_(bytes_max), on_release_(std::move(on_release)) {}
  // A share of `whole`: its bytes count there, too.
  ByteBudget(uint64_t bytes_max, std::shared_ptr<ByteBudget> whole)
      : bytes_max_(bytes_max), whole_(std::move(whole)) {}

  // Whether that many more are within the bound. One thing larger than the bound fits alone.
  bool Fits(uint64_t bytes) const {
    const std::lock_guard lock(mutex_);
    return used_ == 0 || bytes <= bytes_max_ - std::min(used_, bytes_max_);
  }
  bool TryTake(uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    if (bytes > bytes_max_ - std::min(used_, bytes_max_)) return false;
    if (whole_ && !whole_->TryTake(bytes)) return false;
    used_ += bytes;
    return true;
  }
  // Takes although it may go over.
  void Take(uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    if (whole_) whole_->Take(bytes);
    used_ += bytes;
  }
  void Release(uint64_t bytes) {
    if (bytes == 0) return;
    {
      const std::lock_guard lock(mutex_);
      used_ -= bytes;
    }
    if (whole_) whole_->Release(bytes);
    if (on_release_) on_release_();
  }
  uint64_t used() const {
    const std::lock_guard lock(mutex_);
    return used_;
  }

 private:
  const uint64_t bytes_max_;
  const std::function<void()> on_release_;
  const std::shared_ptr<ByteBudget> whole_;
  mutable std::mutex mutex_;
  uint64_t used_ = 0;
};

// Bytes taken from a budget, given back at the end. Move-only; not thread-safe itself.
class ByteHold {
 public:
  ByteHold() = default;
  // Holds `bytes` that the caller has taken.
  ByteHold(std::shared_ptr<ByteBudget> budget, uint64_t bytes)
      : budget_(std::move(budget)), bytes_(bytes) {}
  ByteHold(ByteHold&& other) noexcept
      : budget_(std::move(other.budget_)), bytes_(std::exchange(other.bytes_, 0)) {}
  ByteHold& operator=(ByteHold&& other) noexcept {
    if (this != &other) {
      Reset();
      budget_ = std::move(other.budget_);
      bytes_ = std::exchange(other.bytes_, 0);
    }
    return *this;
  }
  ~ByteHold() { Reset(); }

  uint64_t bytes() const { return bytes_; }
  bool TryGrow(uint64_t bytes) {
    if (!budget_ || !budget_->TryTake(bytes)) return false;
    bytes_ += bytes;
    return true;
  }
  void Shrink(uint64_t bytes) {
    bytes = std::min(bytes, bytes_);
    bytes_ -= bytes;
    if (budget_) budget_->Release(bytes);
  }
  // Moves `bytes` of this hold into one of its own.
  ByteHold Split(uint64_t bytes) {
    bytes = std::min(bytes, bytes_);
    bytes_ -= bytes;
    return ByteHold(budget_, bytes);
  }
  void Reset() {
    if (budget_) budget_->Release(std::exchange(bytes_, 0));
    budget_.reset();
  }

 private:
  std::shared_ptr<ByteBudget> budget_;
  uint64_t bytes_ = 0;
};

}  // namespace octoscale::worker
