#include "worker/speed_meter.h"

#include <gtest/gtest.h>

namespace octoscale::worker {
namespace {

using std::chrono::seconds;

TEST(SpeedMeterTest, IdleTimeSlowsNothingDown) {
  SpeedMeter meter;
  const auto start = SpeedMeter::Clock::now();
  EXPECT_EQ(meter.FramesPerBusySecond(start), 0);
  const auto busy = start + std::chrono::hours(1);
  meter.Add(8, 2, busy);
  EXPECT_EQ(meter.FramesPerBusySecond(busy), 4) << "not 8 frames in an hour";
  meter.Add(8, 6, busy + seconds(6));
  EXPECT_EQ(meter.FramesPerBusySecond(busy + seconds(6)), 2);
  EXPECT_EQ(meter.FramesPerBusySecond(busy + seconds(63)), 8.0 / 6) << "the first is too old";
  EXPECT_EQ(meter.FramesPerBusySecond(busy + seconds(100)), 0);
}

TEST(SpeedMeterTest, TheRateIsThatOfTheLastTenSeconds) {
  SpeedMeter meter;
  const auto start = SpeedMeter::Clock::now();
  meter.Add(8, 2, start);
  meter.Add(8, 2, start + seconds(5));
  EXPECT_EQ(meter.FramesPerSecond(start + seconds(5)), 1.6);
  EXPECT_EQ(meter.FramesPerSecond(start + seconds(12)), 0.8);
  EXPECT_EQ(meter.FramesPerSecond(start + seconds(16)), 0);
}

TEST(RetryAfterTest, IsAQuarterOfTheQueue) {
  EXPECT_EQ(RetryAfterSeconds(128, 4), 8);
  EXPECT_EQ(RetryAfterSeconds(100, 6), 5) << "rounded up";
  EXPECT_EQ(RetryAfterSeconds(8, 1000), 1);
  EXPECT_EQ(RetryAfterSeconds(128, 0.001), 30);
  EXPECT_EQ(RetryAfterSeconds(128, 0), 1);
}

}  // namespace
}  // namespace octoscale::worker
