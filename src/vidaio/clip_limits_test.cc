#include "vidaio/clip_limits.h"

#include <gtest/gtest.h>

#include <string>

namespace octoscale {
namespace {

MediaInfo Clip(int width, int height, int64_t frames, double seconds) {
  MediaInfo info;
  info.video.size = {width, height};
  info.video.frames = frames;
  info.video.duration_seconds = seconds;
  return info;
}

std::string Refusal(const MediaInfo& info, int scale, const ClipLimits& limits = {}) {
  const Status status = CheckClipLimits(info, scale, limits);
  EXPECT_TRUE(status.ok() || status.code() == StatusCode::kResourceExhausted);
  return status.message();
}

TEST(ClipLimitsTest, TheClipsOfEveryTaskPass) {
  EXPECT_EQ(Refusal(Clip(960, 540, 300, 10), 2), "");
  EXPECT_EQ(Refusal(Clip(1920, 1080, 300, 10), 2), "");
  EXPECT_EQ(Refusal(Clip(960, 540, 300, 10), 4), "");
  EXPECT_EQ(Refusal(Clip(3840, 2160, 300, 10), 2), "");
  EXPECT_EQ(Refusal(Clip(2160, 3840, 300, 10), 2), "");
  EXPECT_EQ(Refusal(Clip(4096, 2304, 3600, 60), 2), "");
  EXPECT_EQ(Refusal(Clip(2048, 1152, 3600, 60), 4), "");
}

TEST(ClipLimitsTest, TooManyPixelsForTheScale) {
  EXPECT_EQ(Refusal(Clip(16384, 16384, 1, 0.1), 2),
            "its frames of 16384x16384 have 268435456 pixels; at scale 2 at most 9437184 are taken "
            "(--max-clip-pixels)");
  EXPECT_NE(Refusal(Clip(4096, 2305, 1, 0.1), 2), "");
  EXPECT_NE(Refusal(Clip(2049, 1152, 1, 0.1), 4), "");
  EXPECT_EQ(Refusal(Clip(16384, 16384, 1, 0.1), 2, {.pixels_max = 268435456}), "");
}

TEST(ClipLimitsTest, TooLong) {
  EXPECT_EQ(Refusal(Clip(64, 64, 0, 7200), 2),
            "it lasts 7200 s; at most 60 s are taken (--max-clip-seconds)");
  MediaInfo container = Clip(64, 64, 0, 0);
  container.duration_seconds = 61;
  EXPECT_NE(Refusal(container, 2).find("61 s"), std::string::npos);
  EXPECT_EQ(Refusal(Clip(64, 64, 3601, 1), 2),
            "it has 3601 frames; at most 3600 are taken (--max-clip-frames)");
  EXPECT_EQ(Refusal(Clip(64, 64, 0, 0), 2), "") << "unknown";
}

}  // namespace
}  // namespace octoscale
