#include "planner/clip_probe.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "planner/enlarge.h"
#include "video/test_media.h"

namespace octoscale {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::Gt;

// An upscaler without weights that says which frames it was given.
class PlainUpscaler : public FrameUpscaler {
 public:
  PlainUpscaler(int scale, int slots) {
    info_.model = "plain";
    info_.scale = scale;
    info_.batches_in_flight = slots;
  }
  const UpscalerInfo& info() const override { return info_; }
  Result<std::vector<Frame>> Upscale(std::vector<Frame> batch, const CancelToken&) override {
    for (Frame& frame : batch) {
      whole_ = whole_ && frame.size() == FrameSize{160, 120};
      frame = Enlarged(frame, info_.scale);
      ++frames_;
    }
    return batch;
  }
  std::atomic<bool> whole_{true};
  std::atomic<int> frames_{0};

 private:
  UpscalerInfo info_;
};

class ClipProbeTest : public ::testing::Test {
 protected:
  Result<ClipProbe> Probe(int frames, FrameUpscaler& upscaler, bool shares_cores) {
    const std::string clip = dir_ / "clip.mp4";
    Ffmpeg("-f lavfi -i testsrc2=s=160x120:r=25 -frames:v " + std::to_string(frames) +
           " -c:v libx264 -pix_fmt yuv420p -preset ultrafast " + Quote(clip));
    ProbeRequest request;
    request.input = clip;
    request.model.model = "plain";
    request.model.engine.scale = upscaler.info().scale;
    request.upscaler = &upscaler;
    request.upscaler_shares_cores = shares_cores;
    request.encoder.codec = "libx264";
    request.presets = {"superfast", "ultrafast"};
    Calibration calibration;
    calibration.machine.threads = 3;
    calibration.encoders = {{"libx264", "superfast", {1e-8, 1e-8}, 1e-12, 1e-12},
                            {"libx264", "ultrafast", {1e-8, 1e-8}, 1e-12, 1e-12}};
    return ProbeClip(request, calibration, {});
  }
  TempDir dir_;
};

TEST_F(ClipProbeTest, AnUpscalerElsewhereIsMeasuredOnWholeFrames) {
  for (const int scale : {2, 4}) {
    PlainUpscaler upscaler(scale, 4);
    const auto probe = Probe(60, upscaler, false);
    ASSERT_TRUE(probe.ok()) << probe.status().message();
    EXPECT_TRUE(upscaler.whole_);
    EXPECT_GE(upscaler.frames_, 8);
    ASSERT_TRUE(probe->engine);
    EXPECT_EQ(probe->engine->key, (EngineKey{"plain", scale, "auto", 0}));
    EXPECT_GT(probe->engine->speed.wall, 0);
    EXPECT_EQ(probe->engine->start_seconds, 0);
    EXPECT_GT(probe->decode_cpu, 0);
    EXPECT_THAT(
        probe->encoder_costs,
        ElementsAre(
            AllOf(Field(&EncoderCost::preset, "superfast"), Field(&EncoderCost::pixel, Gt(0))),
            AllOf(Field(&EncoderCost::preset, "ultrafast"), Field(&EncoderCost::pixel, Gt(0)))));
    EXPECT_EQ(probe->cpu_cost, 1);
    EXPECT_EQ(probe->core_share, 1);
  }
}

TEST_F(ClipProbeTest, OneOnThisMachineTakesAllItsCores) {
  PlainUpscaler upscaler(2, 1);
  const auto probe = Probe(60, upscaler, true);
  ASSERT_TRUE(probe.ok()) << probe.status().message();
  EXPECT_DOUBLE_EQ(probe->engine->speed.cpu, 3 * probe->engine->speed.wall);
}

TEST_F(ClipProbeTest, ClipsOfOneAndTwoFrames) {
  for (const int frames : {1, 2}) {
    PlainUpscaler upscaler(2, 4);
    const auto probe = Probe(frames, upscaler, false);
    ASSERT_TRUE(probe.ok()) << probe.status().message();
    EXPECT_EQ(probe->encoder_costs.size(), 2u);
  }
}

}  // namespace
}  // namespace octoscale
