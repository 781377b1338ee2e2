// Large blocks of memory, kept for the next one who wants a block of the same size: a fresh block
// costs a page fault for every 4 KiB, which takes longer than filling it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

namespace octoscale {

constexpr size_t kBlockAlignment = 64;
// Smaller blocks come from malloc() and go back to it.
constexpr size_t kCachedBlockBytesMin = 128 * 1024;
// Kept at most, in all; the longest unused goes first. What was unused for ten seconds goes when
// the next block is given back.
constexpr size_t kCachedBytesMax = size_t{256} << 20;

// Uninitialised memory, aligned to kBlockAlignment; null when there is none. Thread-safe.
void* TakeBlock(size_t bytes);
// `bytes`: what TakeBlock() was called with. Thread-safe.
void GiveBlock(void* block, size_t bytes);
// Held for later use at the moment.
size_t CachedBlockBytes();

// For std::vector: its memory comes from here, and resize() leaves new elements uninitialised.
template <typename T>
struct BlockAllocator {
  using value_type = T;
  BlockAllocator() = default;
  template <typename U>
  explicit BlockAllocator(const BlockAllocator<U>& /*other*/) {}
  T* allocate(size_t count) {
    void* block = TakeBlock(count * sizeof(T));
    if (block == nullptr) throw std::bad_alloc();
    return static_cast<T*>(block);
  }
  void deallocate(T* block, size_t count) { GiveBlock(block, count * sizeof(T)); }
  template <typename U>
  void construct(U* element) {
    ::new (static_cast<void*>(element)) U;
  }
  template <typename U, typename... Args>
  void construct(U* element, Args&&... args) {
    ::new (static_cast<void*>(element)) U(static_cast<Args&&>(args)...);
  }
  bool operator==(const BlockAllocator& /*other*/) const { return true; }
};

// Bytes of messages and pictures.
using ByteBuffer = std::vector<uint8_t, BlockAllocator<uint8_t>>;

}  // namespace octoscale
