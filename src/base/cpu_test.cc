#include "base/cpu.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace octoscale {
namespace {

TEST(CpuTest, NamesParseBack) {
  for (CpuLevel level : {CpuLevel::kScalar, CpuLevel::kAvx2, CpuLevel::kAvx512,
                         CpuLevel::kAvx512Bf16, CpuLevel::kAmx}) {
    EXPECT_EQ(*ParseCpuLevel(CpuLevelName(level)), level);
  }
}

TEST(CpuTest, UnknownForcedLevelIsRefusedByName) {
  setenv("OCTOSCALE_CPU", "sse9", 1);
  const Status status = ActiveCpuLevel().status();
  unsetenv("OCTOSCALE_CPU");
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("sse9"), std::string::npos);
}

TEST(CpuTest, EveryAvailableLevelCanBeForced) {
  for (CpuLevel level : AvailableCpuLevels()) {
    setenv("OCTOSCALE_CPU", std::string(CpuLevelName(level)).c_str(), 1);
    const Result<CpuLevel> active = ActiveCpuLevel();
    unsetenv("OCTOSCALE_CPU");
    ASSERT_TRUE(active.ok());
    EXPECT_EQ(*active, level);
  }
}

TEST(CpuTest, MissingLevelIsRefused) {
  if (DetectedCpuLevel() == CpuLevel::kAmx) GTEST_SKIP() << "this machine has every level";
  setenv("OCTOSCALE_CPU", "amx", 1);
  const Status status = ActiveCpuLevel().status();
  unsetenv("OCTOSCALE_CPU");
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
}

TEST(CpuTest, AtLeastOneCore) { EXPECT_GE(AvailableCores(), 1); }

}  // namespace
}  // namespace octoscale
