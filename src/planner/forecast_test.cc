#include "planner/forecast.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "planner/arrival_watch.h"
#include "planner/encoder_delay.h"

namespace octoscale {
namespace {

// 100 frames of 100x100, doubled: 1e6 pixels in, 4e6 out.
ClipFacts Facts() {
  ClipFacts facts;
  facts.input = {100, 100};
  facts.scale = 2;
  facts.frames = 100;
  return facts;
}

// The engine: 20 processor seconds and 10 of wall time for that clip; the encoder, which holds back
// 8 frames, 8 and 4, or 2 and 1.
Calibration TwoCores() {
  Calibration calibration;
  calibration.machine.threads = 2;
  calibration.engines = {{{"net", 2, "auto", 0}, "int16", 10'000, {20e-6, 10e-6}, 0.4}};
  calibration.encoders = {{"x", "slow", {2e-6, 1e-6}, 1e-12, 1e-12},
                          {"x", "quick", {5e-7, 2.5e-7}, 1e-12, 1e-12}};
  return calibration;
}

const Choice kSlow{"net", "auto", "x", "slow"};
const Choice kQuick{"net", "auto", "x", "quick"};

TEST(ForecastTest, FewCoresAreSharedByEngineAndEncoder) {
  const auto forecast = ForecastClip(TwoCores(), Facts(), kSlow);
  ASSERT_TRUE(forecast);
  EXPECT_NEAR(forecast->start_seconds, 0.5, 1e-9);
  EXPECT_NEAR(forecast->engine_cpu, 20, 1e-9);
  EXPECT_NEAR(forecast->encoder_cpu, 8, 1e-6);
  EXPECT_NEAR(forecast->seconds, 0.5 + (20 + 8) / 2.0, 1e-3);
  EXPECT_EQ(forecast->arithmetic, "int16");
}

TEST(ForecastTest, OnManyCoresTheSlowestPartSetsThePace) {
  Calibration calibration = TwoCores();
  calibration.machine.threads = 64;
  // The engine alone, and the encoder's time for the last batch of 8.
  EXPECT_NEAR(ForecastClip(calibration, Facts(), kSlow)->seconds, 0.5 + 10 + 4 * 0.08, 1e-3);
  calibration.encoders[0].speed.wall = 5e-6;  // 20 s
  EXPECT_NEAR(ForecastClip(calibration, Facts(), kSlow)->seconds, 0.5 + 20 + 10 * 0.08, 1e-3);
}

TEST(ForecastTest, TheProbeCorrectsTheCalibration) {
  ClipFacts facts = Facts();
  facts.probe.encoder_costs = {{"slow", 0.5, 0}};
  EXPECT_NEAR(ForecastClip(TwoCores(), facts, kSlow)->seconds, 0.5 + (20 + 4) / 2.0, 1e-3);
  facts.probe.encoder_costs.clear();
  facts.probe.core_share = 0.5;  // half of the machine is busy with something else
  EXPECT_NEAR(ForecastClip(TwoCores(), facts, kSlow)->seconds, 2 * (0.5 + 14), 1e-3);
  facts.probe.core_share = 1;
  facts.probe.cpu_cost = 1.5;  // the clock is lower
  EXPECT_NEAR(ForecastClip(TwoCores(), facts, kSlow)->seconds, 0.75 + (30 + 8) / 2.0, 1e-3);
  facts.probe.cpu_cost = 1;
  facts.probe.decode_cpu = 2e-6;
  EXPECT_NEAR(ForecastClip(TwoCores(), facts, kSlow)->seconds, 0.5 + (20 + 8 + 2) / 2.0, 1e-3);
}

// Half of the time of the calibrated engine, and little of this machine's processors.
ClipFacts OnOtherMachines() {
  ClipFacts facts = Facts();
  facts.probe.engine = EngineRow{.speed = {1e-6, 5e-6}};
  facts.engine_elsewhere = true;
  return facts;
}

TEST(ForecastTest, AMeasuredUpscalerTakesTheEnginesPlace) {
  const auto forecast = ForecastClip(TwoCores(), OnOtherMachines(), kSlow);
  ASSERT_TRUE(forecast);
  EXPECT_NEAR(forecast->start_seconds, 0.1, 1e-9);  // it is there already
  EXPECT_NEAR(forecast->engine_wall, 5, 1e-9);
  EXPECT_NEAR(forecast->engine_cpu, 1, 1e-9);
  EXPECT_NEAR(forecast->seconds, 0.1 + 5 + 4 * 0.08, 1e-3);
  EXPECT_EQ(forecast->arithmetic, "");
  // Spawned workers take the cores from the encoder.
  ClipFacts here = OnOtherMachines();
  here.probe.engine->speed.cpu = 2 * here.probe.engine->speed.wall;
  EXPECT_NEAR(ForecastClip(TwoCores(), here, kSlow)->seconds, 0.1 + (10 + 8) / 2.0, 1e-3);
}

TEST(ForecastTest, TheEncoderWaitsForTheFirstOfManyBatchesAbreast) {
  Calibration calibration = TwoCores();
  calibration.machine.threads = 64;
  calibration.encoders[0].speed.wall = 5e-6;  // 20 s
  ClipFacts facts = OnOtherMachines();
  facts.probe.batches_abreast = 3;
  EXPECT_NEAR(ForecastClip(calibration, facts, kSlow)->seconds, 0.1 + 20 + 5 * 0.24, 1e-3);
}

TEST(ForecastTest, ShortClipsPayForTheEncodersBeginning) {
  Calibration calibration = TwoCores();
  calibration.encoders[0].open_cpu = 4;  // whatever the size of the frames
  ClipFacts facts = Facts();
  facts.probe.encoder_costs = {{"slow", 2, 25}};  // 25 of 100 frames
  EXPECT_NEAR(ForecastClip(calibration, facts, kSlow)->encoder_cpu, 4 + 2 * 8 * 1.25, 1e-6);
  // Where the encoder sets the pace, too.
  calibration.machine.threads = 1000;
  calibration.encoders[0].open_cpu = 400;
  EXPECT_NEAR(ForecastClip(calibration, facts, kSlow)->seconds, 0.5 + 210 + 10 * 0.08, 1e-3);
}

TEST(ForecastTest, AnEncoderWithALongLookAheadHardlyOverlapsWithAShortClip) {
  Calibration calibration = TwoCores();
  calibration.machine.threads = 64;
  calibration.encoders = {{"libx265", "medium", {2e-6, 1e-6}, 1e-12, 1e-12},
                          {"libsvtav1", "8", {2e-6, 1e-6}, 1e-12, 1e-12}};
  const auto seconds = [&](const char* codec, const char* preset, int64_t frames) {
    ClipFacts facts = Facts();
    facts.frames = frames;
    return ForecastClip(calibration, facts, {"net", "auto", codec, preset})->seconds;
  };
  // 27 frames of x265, of 0.04 s each, after the last one of the engine.
  EXPECT_NEAR(seconds("libx265", "medium", 100), 0.5 + 10 + 27 * 0.04, 1e-3);
  EXPECT_NEAR(seconds("libx265", "medium", 20), 0.5 + 2 + 20 * 0.04, 1e-3);
  EXPECT_NEAR(seconds("libsvtav1", "8", 40), 0.5 + 4 + 40 * 0.04, 1e-3);
}

TEST(EncoderDelayTest, GrowsWithThePresetAndTheFrameThreads) {
  for (const char* codec : {"libx264", "libx265"}) {
    int before = 0;
    for (const char* preset : {"ultrafast", "superfast", "veryfast", "fast", "medium", "slow"}) {
      EXPECT_GE(EncoderDelayFrames(codec, preset, 2), before) << codec << " " << preset;
      before = EncoderDelayFrames(codec, preset, 2);
    }
    EXPECT_EQ(EncoderDelayFrames(codec, "", 2), EncoderDelayFrames(codec, "medium", 2));
  }
  EXPECT_EQ(EncoderDelayFrames("libx264", "medium", 2), 47);
  EXPECT_EQ(EncoderDelayFrames("libx264", "medium", 32), 92);
  EXPECT_GE(EncoderDelayFrames("libsvtav1", "10", 2), 32);
  EXPECT_EQ(EncoderDelayFrames("mpeg4", "", 8), 8);
}

TEST(ForecastTest, ThreadsOfTheEngineAreNoCoresOfTheMachine) {
  Calibration calibration = TwoCores();
  calibration.engines.push_back({{"net", 2, "auto", 1}, "int16", 10'000, {20e-6, 20e-6}, 0.4});
  ClipFacts facts = Facts();
  facts.engine_threads = 1;
  // One thread takes 20 s; the encoder has the other core to itself.
  EXPECT_NEAR(ForecastClip(calibration, facts, kSlow)->seconds, 0.5 + 20 + 4 * 0.08, 1e-3);
  // More cores don't make it faster.
  EXPECT_EQ(MakePlan(calibration, facts, {kSlow}, 15).cores_needed, 0);
}

TEST(ForecastTest, UnknownModelsAndEncodersHaveNone) {
  EXPECT_FALSE(ForecastClip(TwoCores(), Facts(), {"other", "auto", "x", "slow"}));
  EXPECT_FALSE(ForecastClip(TwoCores(), Facts(), {"net", "auto", "x", "middle"}));
}

TEST(PlanTest, TheFirstThatFitsWithATenthInHand) {
  // 14.5 s and 11.5 s.
  EXPECT_EQ(MakePlan(TwoCores(), Facts(), {kSlow, kQuick}, 0).chosen, 0);
  EXPECT_EQ(MakePlan(TwoCores(), Facts(), {kSlow, kQuick}, 16).chosen, 0);
  const Plan plan = MakePlan(TwoCores(), Facts(), {kSlow, kQuick}, 15);
  EXPECT_EQ(plan.chosen, 1);
  EXPECT_TRUE(plan.fits);
  EXPECT_FALSE(plan.forecasts[0].fits);
  EXPECT_EQ(plan.best().choice, kQuick);
}

TEST(PlanTest, WhenNothingFitsTheFastestAndWhatWouldBeEnough) {
  const Plan plan = MakePlan(TwoCores(), Facts(), {kSlow, kQuick}, 7.7);
  EXPECT_FALSE(plan.fits);
  EXPECT_EQ(plan.chosen, 1);
  // 22 processor seconds in 7.7 / 1.1 - 0.5 s; 10 s of the engine in the same.
  EXPECT_EQ(plan.cores_needed, 4);
  EXPECT_EQ(plan.machines_needed, 2);
}

TEST(PlanTest, NoNumberOfMachinesHelpsWhereOneCannotEvenEncode) {
  // 0.77 s of room, and a second of the encoder's own.
  Plan plan = MakePlan(TwoCores(), Facts(), {kQuick}, 1.4);
  EXPECT_EQ(plan.machines_needed, 0);
  EXPECT_EQ(plan.cores_needed, 0);
  // Not even the start fits.
  plan = MakePlan(TwoCores(), Facts(), {kQuick}, 0.3);
  EXPECT_EQ(plan.cores_needed, 0);
  EXPECT_EQ(plan.machines_needed, 0);
}

TEST(PlanTest, WhatWouldBeEnoughMeetsTheForecast) {
  ClipFacts facts = Facts();
  facts.probe.core_share = 0.5;
  for (const double deadline : {5.0, 8.0, 12.0}) {
    const Plan plan = MakePlan(TwoCores(), facts, {kQuick}, deadline);
    ASSERT_GT(plan.cores_needed, 2) << deadline;
    Calibration larger = TwoCores();
    const auto with = [&](int64_t cores) {
      larger.machine.threads = static_cast<int>(cores);
      larger.engines[0].speed.wall = 10e-6 * 2 / static_cast<double>(cores);
      return MakePlan(larger, facts, {kQuick}, deadline).fits;
    };
    EXPECT_TRUE(with(plan.cores_needed)) << deadline;
    EXPECT_FALSE(with(plan.cores_needed - 1)) << deadline;
  }
}

TEST(PlanTest, WithWorkersMoreOfThemWouldBeEnough) {
  // 5 s of all the workers; 2.3 / 1.1 - 0.1 s are left for it.
  const Plan plan = MakePlan(TwoCores(), OnOtherMachines(), {kQuick}, 2.3);
  EXPECT_FALSE(plan.fits);
  EXPECT_EQ(plan.cores_needed, 0);
  EXPECT_EQ(plan.machines_needed, 3);
}

TEST(PlanTest, WithoutForecastsNothingIsChosen) {
  EXPECT_EQ(MakePlan({}, Facts(), {kSlow}, 10).chosen, -1);
  EXPECT_EQ(MakePlan(TwoCores(), Facts(), {}, 10).chosen, -1);
}

TEST(ArrivalWatchTest, SaysOnceThatItBecomesLateAndOnceThatItIsTimelyAgain) {
  using Change = ArrivalWatch::Change;
  ArrivalWatch watch({.deadline_seconds = 40, .predicted_seconds = 30, .tail_seconds = 1});
  EXPECT_FALSE(watch.late());
  EXPECT_DOUBLE_EQ(watch.outlook_seconds(), 30);
  EXPECT_EQ(watch.Update(2, 8, 100, 1.0), Change::kNone);  // one batch says little
  EXPECT_DOUBLE_EQ(watch.outlook_seconds(), 30);
  EXPECT_EQ(watch.Update(8, 16, 100, 2.0), Change::kBecameLate);
  EXPECT_DOUBLE_EQ(watch.outlook_seconds(), 8 + 84 / 2.0 + 1);
  EXPECT_EQ(watch.Update(9, 17, 100, 8.0), Change::kNone);  // in the middle of a batch
  EXPECT_EQ(watch.Update(12, 24, 100, 2.0), Change::kNone);
  EXPECT_EQ(watch.Update(12, 32, 100, 2.6), Change::kNone);  // 39.2 s: too close to call
  EXPECT_EQ(watch.Update(13, 40, 100, 4.0), Change::kBecameTimely);
  EXPECT_FALSE(watch.late());
}

TEST(ArrivalWatchTest, WithoutADeadlineItOnlyLooksOut) {
  ArrivalWatch watch({.predicted_seconds = 5});
  EXPECT_EQ(watch.Update(10, 16, 32, 1.0), ArrivalWatch::Change::kNone);
  EXPECT_DOUBLE_EQ(watch.outlook_seconds(), 26);
}

}  // namespace
}  // namespace octoscale
