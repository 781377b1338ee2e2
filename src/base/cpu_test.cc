#include "base/cpu.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "base/testing/environment.h"

namespace octoscale {
namespace {

using test::ScopedEnvironment;

TEST(CpuTest, NamesParseBack) {
  for (CpuLevel level : {CpuLevel::kScalar, CpuLevel::kAvx2, CpuLevel::kAvx512,
                         CpuLevel::kAvx512Bf16, CpuLevel::kAmx}) {
    EXPECT_EQ(*ParseCpuLevel(CpuLevelName(level)), level);
  }
}

TEST(CpuTest, UnknownForcedLevelIsRefusedByName) {
  const ScopedEnvironment forced("OCTOSCALE_CPU", "sse9");
  const Status status = ActiveCpuLevel().status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("sse9"), std::string::npos);
}

TEST(CpuTest, EveryAvailableLevelCanBeForced) {
  for (CpuLevel level : AvailableCpuLevels()) {
    const ScopedEnvironment forced("OCTOSCALE_CPU", std::string(CpuLevelName(level)).c_str());
    const Result<CpuLevel> active = ActiveCpuLevel();
    ASSERT_TRUE(active.ok());
    EXPECT_EQ(*active, level);
  }
}

TEST(CpuTest, MissingLevelIsRefused) {
  if (DetectedCpuLevel() == CpuLevel::kAmx) GTEST_SKIP() << "this machine has every level";
  const ScopedEnvironment forced("OCTOSCALE_CPU", "amx");
  const Status status = ActiveCpuLevel().status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
}

// The kernel's is the same one, trimmed.
TEST(CpuTest, ModelName) {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line) && !line.starts_with("model name")) {
  }
  ASSERT_TRUE(line.starts_with("model name"));
  EXPECT_EQ(line.substr(line.find(": ") + 2), CpuModelName());
}

TEST(CpuTest, AtLeastOneCore) { EXPECT_GE(AvailableCores(), 1); }

}  // namespace
}  // namespace octoscale
