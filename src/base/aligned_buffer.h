// Memory aligned to 64 bytes (one cache line, one 512-bit vector).
#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <utility>

#include "base/block_cache.h"

namespace octoscale {

// Owns `size` elements of a trivial type. Move-only. Contents start uninitialised; Zero() clears.
template <typename T>
class AlignedBuffer {
 public:
  static constexpr size_t kAlignment = kBlockAlignment;

  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t size) : size_(size) {
    data_ = static_cast<T*>(TakeBlock(size_bytes()));
    if (data_ == nullptr) throw std::bad_alloc();
  }
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    AlignedBuffer taken(std::move(other));
    std::swap(data_, taken.data_);
    std::swap(size_, taken.size_);
    return *this;
  }
  ~AlignedBuffer() { GiveBlock(data_, size_bytes()); }

  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return size_; }
  size_t size_bytes() const { return size_ * sizeof(T); }
  bool empty() const { return size_ == 0; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  void Zero() { std::memset(data_, 0, size_bytes()); }

 private:
  T* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace octoscale
