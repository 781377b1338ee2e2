#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace octoscale {
namespace {

TEST(ThreadPoolTest, EveryThreadRunsOnceForEachCall) {
  for (int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (int round = 0; round < 50; ++round) {
      std::vector<std::atomic<int>> calls(threads);
      pool.Run([&](int index) { ++calls[index]; });
      for (const auto& count : calls) EXPECT_EQ(count, 1);
    }
  }
}

}  // namespace
}  // namespace octoscale
