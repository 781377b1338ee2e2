#include "planner/calibration.h"

#include <filesystem>

#include "base/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "planner/calibration_file.h"

namespace octoscale {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kNow = 1'800'000'000;

Calibration Sample() {
  Calibration calibration;
  calibration.machine = {"A CPU", "avx2", 8, "1.2.3"};
  calibration.made_unix = kNow - 1000;
  calibration.engines = {{{"net", 2, "auto", 0}, "int16", 10'000, {4e-6, 1e-6}, 0.5},
                         {{"net", 2, "auto", 0}, "int16", 1'000'000, {6e-6, 2e-6}, 0.5},
                         {{"net", 4, "auto", 0}, "int16", 10'000, {9e-6, 3e-6}, 0.5},
                         {{"net", 2, "auto", 1}, "int16", 1'000, {4e-6, 4e-6}, 0.5}};
  calibration.encoders = {{"libx265", "medium", {8e-8, 2e-8}, 0.1, 1e-9},
                          {"libx265", "ultrafast", {2e-8, 1e-8}, 0.05, 1e-9}};
  return calibration;
}

TEST(CalibrationTest, EngineRowsAreInterpolatedOverTheLogarithm) {
  const Calibration calibration = Sample();
  EXPECT_DOUBLE_EQ(FindEngine(calibration, {"net", 2, "auto", 0}, 100'000)->speed.wall, 1.5e-6);
  EXPECT_DOUBLE_EQ(FindEngine(calibration, {"net", 2, "auto", 0}, 100'000)->speed.cpu, 5e-6);
  EXPECT_DOUBLE_EQ(FindEngine(calibration, {"net", 2, "auto", 0}, 10'000)->speed.wall, 1e-6);
  EXPECT_DOUBLE_EQ(FindEngine(calibration, {"net", 2, "auto", 0}, 100)->speed.wall, 1e-6);
  EXPECT_DOUBLE_EQ(FindEngine(calibration, {"net", 2, "auto", 0}, 1e8)->speed.wall, 2e-6);
  EXPECT_FALSE(FindEngine(calibration, {"net", 3, "auto", 0}, 100));
  EXPECT_FALSE(FindEngine(calibration, {"net", 2, "fp32", 0}, 100));
  EXPECT_FALSE(FindEngine(calibration, {"other", 2, "auto", 0}, 100));
  EXPECT_FALSE(FindEngine(calibration, {"net", 2, "auto", 3}, 100));  // fewer threads
}

TEST(CalibrationTest, EncodersByCodecAndPreset) {
  EXPECT_DOUBLE_EQ(FindEncoder(Sample(), "libx265", "ultrafast")->speed.cpu, 2e-8);
  EXPECT_FALSE(FindEncoder(Sample(), "libx265", "slow"));
  EXPECT_FALSE(FindEncoder(Sample(), "libsvtav1", "medium"));
}

TEST(CalibrationTest, CostOfAnUnmeasuredPresetIsTheMean) {
  ClipProbe probe;
  EXPECT_DOUBLE_EQ(FindEncoderCost(probe, "fast").pixel, 1);
  EXPECT_DOUBLE_EQ(FindEncoderCost(probe, "fast").begin_frames, 0);
  probe.encoder_costs = {{"medium", 0.5, 10}, {"ultrafast", 2, 4}};
  EXPECT_DOUBLE_EQ(FindEncoderCost(probe, "medium").pixel, 0.5);
  EXPECT_DOUBLE_EQ(FindEncoderCost(probe, "medium").begin_frames, 10);
  EXPECT_DOUBLE_EQ(FindEncoderCost(probe, "fast").pixel, 1);
  EXPECT_DOUBLE_EQ(FindEncoderCost(probe, "fast").begin_frames, 7);
}

TEST(CalibrationTest, WhatMakesItStaleIsNamed) {
  const Calibration calibration = Sample();
  EXPECT_THAT(WhyStale(calibration, calibration.machine, kNow), IsEmpty());
  const auto why = [&](auto change, int64_t now = kNow) {
    MachineFacts machine = calibration.machine;
    change(machine);
    return WhyStale(calibration, machine, now);
  };
  EXPECT_THAT(why([](MachineFacts& m) { m.cpu = "Another"; }), HasSubstr("Another"));
  EXPECT_THAT(why([](MachineFacts& m) { m.level = "amx"; }), HasSubstr("avx2, is amx"));
  EXPECT_THAT(why([](MachineFacts& m) { m.threads = 4; }), HasSubstr("were 8, are 4"));
  EXPECT_THAT(why([](MachineFacts& m) { m.version = "2"; }), HasSubstr("octoscale was 1.2.3"));
  const auto nothing = [](MachineFacts&) {};
  EXPECT_THAT(why(nothing, kNow + kCalibrationSecondsMax), HasSubstr("older than 30 days"));
  EXPECT_THAT(why(nothing, kNow - 2000), HasSubstr("later"));
}

TEST(CalibrationFileTest, ComesBackAsItWas) {
  const TempDir dir;
  const std::string path = dir / "a/b/calibration.json";
  EXPECT_EQ(LoadCalibration(path).status().code(), StatusCode::kNotFound);
  ASSERT_TRUE(SaveCalibration(Sample(), path).ok());
  ASSERT_TRUE(SaveCalibration(Sample(), path).ok());
  const auto loaded = LoadCalibration(path);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(CalibrationJson(*loaded), CalibrationJson(Sample()));
  EXPECT_EQ(loaded->machine, Sample().machine);
  EXPECT_DOUBLE_EQ(loaded->engines[1].speed.wall, 2e-6);
  EXPECT_EQ(loaded->engines[3].key, (EngineKey{"net", 2, "auto", 1}));
}

TEST(CalibrationFileTest, DamageIsAnErrorAndNeverACrash) {
  const std::string good = CalibrationJson(Sample());
  for (size_t size = 0; size + 2 < good.size(); size += 7) {
    EXPECT_EQ(ParseCalibration(good.substr(0, size)).status().code(), StatusCode::kCorruptInput);
  }
  for (const char* text : {"null", "[]", "{}", "{\"format\":2}", "{\"format\":\"1\"}"}) {
    EXPECT_EQ(ParseCalibration(text).status().code(), StatusCode::kCorruptInput) << text;
  }
  // What an older octoscale kept is measured again.
  std::string older = good;
  older.replace(older.find("\"format\": 4"), 11, "\"format\": 3");
  EXPECT_THAT(ParseCalibration(older).status().message(), HasSubstr("another format than 4"));
  std::string negative = good;
  const size_t at = negative.find("\"cpu_ns\": ");
  ASSERT_NE(at, std::string::npos);
  negative.insert(at + 10, "-");
  EXPECT_THAT(ParseCalibration(negative).status().message(), HasSubstr("positive"));
}

}  // namespace
}  // namespace octoscale
