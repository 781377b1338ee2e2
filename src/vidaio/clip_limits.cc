#include "vidaio/clip_limits.h"

#include <atomic>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace octoscale {
namespace {

constexpr int kLimitsScale = 2;

std::string Seconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g s", seconds);
  return text;
}

class LimitedUpscaler : public FrameUpscaler {
 public:
  LimitedUpscaler(std::unique_ptr<FrameUpscaler> upscaler, int64_t frames_max)
      : upscaler_(std::move(upscaler)), frames_max_(frames_max) {}
  const UpscalerInfo& info() const override { return upscaler_->info(); }
  Result<std::vector<Frame>> Upscale(std::vector<Frame> batch, const CancelToken& cancel) override {
    const auto frames = static_cast<int64_t>(batch.size());
    if (frames_.fetch_add(frames) + frames > frames_max_) {
      return ResourceExhausted("it has more than " + std::to_string(frames_max_) +
                               " frames, the most that are taken (--max-clip-frames)");
    }
    return upscaler_->Upscale(std::move(batch), cancel);
  }

 private:
  const std::unique_ptr<FrameUpscaler> upscaler_;
  const int64_t frames_max_;
  std::atomic<int64_t> frames_{0};
};

}  // namespace

Status CheckClipLimits(const MediaInfo& info, int scale, const ClipLimits& limits) {
  const VideoStreamInfo& video = info.video;
  const int64_t pixels = int64_t{video.size.width} * video.size.height;
  const int64_t pixels_max = limits.pixels_max * kLimitsScale * kLimitsScale / (scale * scale);
  if (pixels > pixels_max) {
    return ResourceExhausted("its frames of " + std::to_string(video.size.width) + "x" +
                             std::to_string(video.size.height) + " have " + std::to_string(pixels) +
                             " pixels; at scale " + std::to_string(scale) + " at most " +
                             std::to_string(pixels_max) + " are taken (--max-clip-pixels)");
  }
  const double seconds =
      video.duration_seconds > 0 ? video.duration_seconds : info.duration_seconds;
  if (seconds > limits.seconds_max) {
    return ResourceExhausted("it lasts " + Seconds(seconds) + "; at most " +
                             Seconds(limits.seconds_max) + " are taken (--max-clip-seconds)");
  }
  if (video.frames > limits.frames_max) {
    return ResourceExhausted("it has " + std::to_string(video.frames) + " frames; at most " +
                             std::to_string(limits.frames_max) + " are taken (--max-clip-frames)");
  }
  return OkStatus();
}

std::unique_ptr<FrameUpscaler> LimitFrames(std::unique_ptr<FrameUpscaler> upscaler,
                                           int64_t frames_max) {
  return std::make_unique<LimitedUpscaler>(std::move(upscaler), frames_max);
}

}  // namespace octoscale
