#include "coordinator/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace octoscale::coordinator {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr int kDraws = 1000;

TEST(FullJitterTest, IsFromNothingToTheMost) {
  nanoseconds least = milliseconds(800);
  nanoseconds most{0};
  for (int i = 0; i < kDraws; ++i) {
    const nanoseconds wait = FullJitter(milliseconds(800));
    ASSERT_GE(wait, nanoseconds(0));
    ASSERT_LE(wait, milliseconds(800));
    least = std::min(least, wait);
    most = std::max(most, wait);
  }
  // Of uniform draws, all miss an eighth of the range once in 10^57 runs.
  EXPECT_LT(least, milliseconds(100));
  EXPECT_GT(most, milliseconds(700));
}

TEST(FullJitterTest, NothingToWaitIsNoWait) {
  EXPECT_EQ(FullJitter(nanoseconds(0)), nanoseconds(0));
  EXPECT_EQ(FullJitter(milliseconds(-5)), nanoseconds(0));
}

TEST(RetryDelayTest, DoublesUpToABound) {
  EXPECT_EQ(RetryDelayMax(1), milliseconds(100));
  EXPECT_EQ(RetryDelayMax(2), milliseconds(200));
  EXPECT_EQ(RetryDelayMax(5), milliseconds(1600));
  EXPECT_EQ(RetryDelayMax(6), milliseconds(1600));
  EXPECT_EQ(RetryDelayMax(1'000'000), milliseconds(1600));
}

TEST(ProbeDelayTest, IsAtLeastHalfOfWhatDoubles) {
  for (int i = 0; i < kDraws; ++i) {
    ASSERT_GE(ProbeDelay(0), milliseconds(125));
    ASSERT_LE(ProbeDelay(0), milliseconds(250));
    ASSERT_GE(ProbeDelay(1'000'000), milliseconds(2000));
    ASSERT_LE(ProbeDelay(1'000'000), milliseconds(4000));
  }
}

}  // namespace
}  // namespace octoscale::coordinator
