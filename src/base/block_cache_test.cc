#include "base/block_cache.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>

namespace octoscale {
namespace {

constexpr size_t kMebibyte = size_t{1} << 20;

TEST(BlockCacheTest, BlocksAreAlignedAndWholeWhateverTheirSize) {
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{65}, kCachedBlockBytesMin - 1,
                             kCachedBlockBytesMin, 3 * kMebibyte + 1}) {
    void* block = TakeBlock(bytes);
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % kBlockAlignment, 0u);
    std::memset(block, 1, bytes);
    GiveBlock(block, bytes);
  }
  GiveBlock(nullptr, kMebibyte);
}

#if !defined(__SANITIZE_ADDRESS__)
TEST(BlockCacheTest, ALargeBlockIsUsedAgainForTheSameSizeOnly) {
  void* block = TakeBlock(5 * kMebibyte + 100);
  GiveBlock(block, 5 * kMebibyte + 100);
  void* other = TakeBlock(6 * kMebibyte);
  EXPECT_NE(other, block);
  void* again = TakeBlock(5 * kMebibyte + 200);  // the same number of pages
  EXPECT_EQ(again, block);
  GiveBlock(again, 5 * kMebibyte + 200);
  GiveBlock(other, 6 * kMebibyte);
}
#endif

TEST(BlockCacheTest, KeepsNoMoreThanItsBound) {
  std::vector<void*> blocks;
  for (int i = 0; i < 12; ++i) blocks.push_back(TakeBlock(32 * kMebibyte));
  for (void* block : blocks) {
    GiveBlock(block, 32 * kMebibyte);
    EXPECT_LE(CachedBlockBytes(), kCachedBytesMax);
  }
}

TEST(BlockCacheTest, ThreadsShareIt) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 500; ++i) {
        ByteBuffer bytes(kMebibyte / 4, static_cast<uint8_t>(t));
        bytes.resize(kMebibyte / 2);
        ASSERT_EQ(bytes.front(), t);
        ASSERT_EQ(bytes[kMebibyte / 4 - 1], t);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(BlockCacheTest, VectorsInitialiseOnlyWhatTheyAreTold) {
  ByteBuffer bytes;
  bytes.insert(bytes.end(), {1, 2, 3});
  bytes.resize(2);
  bytes.push_back(9);
  EXPECT_EQ(bytes, (ByteBuffer{1, 2, 9}));
}

}  // namespace
}  // namespace octoscale
