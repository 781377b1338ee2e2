// Upscalers for tests: exact pixel repetition, optionally slow, failing or misbehaving.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "frame/frame_upscaler.h"

namespace octoscale {

inline Frame RepeatPixels(const Frame& in, int scale) {
  Frame out({in.width() * scale, in.height() * scale}, in.sample_type());
  const int bytes = SampleBytes(in.sample_type());
  for (int p = 0; p < Frame::kPlanes; ++p) {
    for (int y = 0; y < out.height(); ++y) {
      for (int x = 0; x < out.width(); ++x) {
        std::memcpy(out.row(p, y) + x * bytes, in.row(p, y / scale) + x / scale * bytes, bytes);
      }
    }
  }
  return out;
}

// Thread-safe. `before` runs on each batch (with its number, in order of the calls) first; its
// error is returned.
class NearestUpscaler : public FrameUpscaler {
 public:
  using Before = std::function<Status(int call, const CancelToken&)>;

  explicit NearestUpscaler(int scale, int slots = 1, Before before = {})
      : before_(std::move(before)) {
    info_.model = "nearest";
    info_.scale = scale;
    info_.batches_in_flight = slots;
    info_.fingerprint = "nearest-" + std::to_string(scale);
  }

  const UpscalerInfo& info() const override { return info_; }
  void set_batch_frames(int frames) { info_.batch_frames = frames; }

  Result<std::vector<Frame>> Upscale(std::vector<Frame> batch, const CancelToken& cancel) override {
    const int call = calls_++;
    frames_ += static_cast<int>(batch.size());
    if (before_) OCTO_RETURN_IF_ERROR(before_(call, cancel));
    std::vector<Frame> out;
    for (const Frame& frame : batch) out.push_back(RepeatPixels(frame, info_.scale));
    return out;
  }

  int calls() const { return calls_; }
  int frames() const { return frames_; }

 private:
  UpscalerInfo info_;
  Before before_;
  std::atomic<int> calls_{0};
  std::atomic<int> frames_{0};
};

// Sleeps, but wakes up when cancelled.
inline Status SleepUnlessCancelled(std::chrono::milliseconds time, const CancelToken& cancel) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
    OCTO_RETURN_IF_ERROR(cancel.Check());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return OkStatus();
}

}  // namespace octoscale
