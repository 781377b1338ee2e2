#include "base/block_cache.h"

#include <chrono>
#include <cstdlib>
#include <mutex>

namespace octoscale {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kPageBytes = 4096;
constexpr auto kUnusedTimeMax = std::chrono::seconds(10);

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OCTOSCALE_ADDRESS_SANITIZER
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define OCTOSCALE_ADDRESS_SANITIZER
#endif

#if defined(OCTOSCALE_ADDRESS_SANITIZER)
constexpr bool kCaching = false;  // each use of a freed block is to be seen
#else
constexpr bool kCaching = true;
#endif

size_t RoundUp(size_t bytes, size_t step) { return (bytes + step - 1) / step * step; }

// Blocks of whole pages.
class BlockCache {
 public:
  void* Take(size_t bytes) {
    const std::lock_guard lock(mutex_);
    for (size_t i = blocks_.size(); i-- > 0;) {
      if (blocks_[i].bytes != bytes) continue;
      void* memory = blocks_[i].memory;
      bytes_ -= bytes;
      blocks_.erase(blocks_.begin() + static_cast<ptrdiff_t>(i));
      return memory;
    }
    return nullptr;
  }

  void Give(void* memory, size_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      blocks_.push_back({memory, bytes, Clock::now()});
      bytes_ += bytes;
    }
    FreeUnused(kCachedBytesMax);
  }

  // What was unused for long, and more until `bytes_max` are left.
  void FreeUnused(size_t bytes_max) {
    const Clock::time_point now = Clock::now();
    std::vector<Block> old;  // freed without the lock
    {
      const std::lock_guard lock(mutex_);
      size_t count = 0;
      while (count < blocks_.size() &&
             (bytes_ > bytes_max || now - blocks_[count].since > kUnusedTimeMax)) {
        bytes_ -= blocks_[count++].bytes;
      }
      const auto end = blocks_.begin() + static_cast<ptrdiff_t>(count);
      old.assign(blocks_.begin(), end);
      blocks_.erase(blocks_.begin(), end);
    }
    for (const Block& block : old) std::free(block.memory);
  }

  size_t bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }

 private:
  struct Block {
    void* memory;
    size_t bytes;
    Clock::time_point since;
  };
  mutable std::mutex mutex_;
  std::vector<Block> blocks_;  // the longest unused first
  size_t bytes_ = 0;
};

// Never destroyed: blocks may come back while the program's other globals end.
BlockCache& Cache() {
  static BlockCache* const cache = new BlockCache;
  return *cache;
}

}  // namespace

void* TakeBlock(size_t bytes) {
  if (!kCaching || bytes < kCachedBlockBytesMin) {
    return std::aligned_alloc(kBlockAlignment, RoundUp(bytes > 0 ? bytes : 1, kBlockAlignment));
  }
  const size_t rounded = RoundUp(bytes, kPageBytes);
  if (void* block = Cache().Take(rounded)) return block;
  if (void* block = std::aligned_alloc(kBlockAlignment, rounded)) return block;
  Cache().FreeUnused(0);
  return std::aligned_alloc(kBlockAlignment, rounded);
}

void GiveBlock(void* block, size_t bytes) {
  if (block == nullptr) return;
  if (!kCaching || bytes < kCachedBlockBytesMin) return std::free(block);
  Cache().Give(block, RoundUp(bytes, kPageBytes));
}

size_t CachedBlockBytes() { return Cache().bytes(); }

}  // namespace octoscale
