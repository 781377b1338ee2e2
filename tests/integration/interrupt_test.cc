// Signals: the first asks for a graceful stop, the second ends at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/integration/media.h"
#include "tests/integration/program.h"

namespace octoscale::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class InterruptTest : public ::testing::Test {
 protected:
  // Long enough to be caught half-way on any machine.
  void SetUp() override {
    MakeClip(folder_ / "in.mp4",
             {.width = 96,
              .height = 64,
              .frames = 1000,
              .encoder = {"-c:v", "libx264", "-pix_fmt", "yuv420p", "-preset", "ultrafast"}});
  }
  std::vector<std::string> Command() const {
    return Octoscale({"upscale", folder_ / "in.mp4", "-o", folder_ / "out.mp4", "--progress",
                      "json", "-b", "2"});
  }
  TemporaryFolder folder_;
};

TEST_F(InterruptTest, GracefulStopLeavesNothing) {
  for (int signal : {SIGINT, SIGTERM}) {
    Program program(Command());
    ASSERT_TRUE(program.WaitForOutput("progress"));
    program.Signal(signal);
    const ProgramResult result = program.Finish();
    EXPECT_EQ(result.exit_code, 130) << result.err;
    EXPECT_THAT(result.err, HasSubstr("interrupted"));
    EXPECT_THAT(result.out, HasSubstr(R"("event":"error")"));
    EXPECT_THAT(folder_.Names(), ElementsAre("in.mp4"));
  }
}

TEST_F(InterruptTest, SecondSignalEndsAtOnce) {
  Program program(Command());
  ASSERT_TRUE(program.WaitForOutput("progress"));
  program.Signal(SIGINT);
  program.Signal(SIGTERM);
  const ProgramResult result = program.Finish();
  EXPECT_EQ(result.exit_code, 130) << result.err;
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out.mp4"));
}

}  // namespace
}  // namespace octoscale::testing
