#include "coordinator/speed.h"

#include <gtest/gtest.h>

namespace octoscale::coordinator {
namespace {

TEST(SpeedEstimateTest, FollowsAChangeOfSpeed) {
  SpeedEstimate speed;
  EXPECT_FALSE(speed.known());
  speed.Add(8, 0.8);
  EXPECT_DOUBLE_EQ(speed.seconds_per_frame(), 0.1);
  for (int i = 0; i < 20; ++i) speed.Add(8, 8.0);
  EXPECT_NEAR(speed.seconds_per_frame(), 1.0, 0.01);
  speed.Forget();
  EXPECT_NEAR(speed.seconds_per_frame(), 0.5, 0.01);
}

TEST(HedgePolicyTest, NothingIsLateBeforeSomethingIsKnown) {
  HedgePolicy policy;
  for (int i = 0; i < 7; ++i) policy.Finished(1.0, 8);
  EXPECT_FALSE(policy.LateAfter(8).has_value());
  policy.Finished(1.0, 8);
  ASSERT_TRUE(policy.LateAfter(8).has_value());
  EXPECT_DOUBLE_EQ(*policy.LateAfter(8), 1.5);
  EXPECT_DOUBLE_EQ(*policy.LateAfter(16), 3.0) << "a batch that waits behind another has longer";
}

TEST(HedgePolicyTest, OneSlowWorkerOfManyDoesNotMoveThePercentile) {
  HedgePolicy policy;
  for (int i = 0; i < 100; ++i) policy.Finished(i % 25 == 0 ? 20.0 : 1.0, 8);
  EXPECT_DOUBLE_EQ(*policy.LateAfter(8), 1.5);
}

TEST(HedgePolicyTest, ExtraFramesStayBelowFivePercent) {
  HedgePolicy policy;
  EXPECT_TRUE(policy.MayHedge(8));
  policy.Hedged(8);
  EXPECT_FALSE(policy.MayHedge(8));
  policy.Sent(319);
  EXPECT_FALSE(policy.MayHedge(8));
  policy.Sent(1);
  EXPECT_TRUE(policy.MayHedge(8));
}

}  // namespace
}  // namespace octoscale::coordinator
