#include "worker/simulated_upscaler.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

namespace octoscale::worker {
namespace {

constexpr int kScaleMax = 4;

// With the scale known, the compiler turns the loops into vector instructions.
template <typename T, int kScale>
void RepeatRow(const T* in, T* out, int width) {
  for (int x = 0; x < width; ++x) {
    for (int i = 0; i < kScale; ++i) out[x * kScale + i] = in[x];
  }
}

template <typename T>
void RepeatRow(const uint8_t* in_bytes, uint8_t* out_bytes, int width, int scale) {
  const T* in = reinterpret_cast<const T*>(in_bytes);
  T* out = reinterpret_cast<T*>(out_bytes);
  if (scale == 1) return RepeatRow<T, 1>(in, out, width);
  if (scale == 2) return RepeatRow<T, 2>(in, out, width);
  if (scale == 3) return RepeatRow<T, 3>(in, out, width);
  RepeatRow<T, 4>(in, out, width);
}

Frame RepeatPixels(const Frame& in, int scale) {
  Frame out({in.width() * scale, in.height() * scale}, in.sample_type());
  const size_t row_bytes = static_cast<size_t>(out.width()) * SampleBytes(out.sample_type());
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    for (int y = 0; y < in.height(); ++y) {
      uint8_t* first = out.row(plane, y * scale);
      if (in.sample_type() == SampleType::kU8) {
        RepeatRow<uint8_t>(in.row(plane, y), first, in.width(), scale);
      } else {
        RepeatRow<uint16_t>(in.row(plane, y), first, in.width(), scale);
      }
      for (int i = 1; i < scale; ++i) {
        std::memcpy(out.row(plane, y * scale + i), first, row_bytes);
      }
    }
  }
  return out;
}

// Like an engine: one batch at a time, cancelled between steps of a millisecond.
class SimulatedUpscaler : public FrameUpscaler {
 public:
  SimulatedUpscaler(UpscalerInfo info, std::chrono::microseconds per_frame)
      : info_(std::move(info)), per_frame_(per_frame) {}

  const UpscalerInfo& info() const override { return info_; }

  Result<std::vector<Frame>> Upscale(std::vector<Frame> batch, const CancelToken& cancel) override {
    const std::lock_guard lock(mutex_);
    using Clock = std::chrono::steady_clock;
    const Clock::time_point end = Clock::now() + per_frame_ * static_cast<int64_t>(batch.size());
    std::vector<Frame> out;
    for (const Frame& frame : batch) {
      OCTO_RETURN_IF_ERROR(cancel.Check());
      out.push_back(RepeatPixels(frame, info_.scale));
    }
    while (Clock::now() < end) {
      OCTO_RETURN_IF_ERROR(cancel.Check());
      std::this_thread::sleep_until(
          std::min<Clock::time_point>(end, Clock::now() + std::chrono::milliseconds(1)));
    }
    return out;
  }

 private:
  const UpscalerInfo info_;
  const std::chrono::microseconds per_frame_;
  std::mutex mutex_;
};

class SimulatedProvider : public UpscalerProvider {
 public:
  explicit SimulatedProvider(std::chrono::microseconds per_frame) : per_frame_(per_frame) {
    for (const char* name : {"simulated", "realesr-animevideov3", "realesr-general-x4v3",
                             "realesrgan-x4plus-anime", "realesrgan-x4plus"}) {
      ServedModel model;
      model.name = name;
      for (int scale = 1; scale <= kScaleMax; ++scale) model.scales.push_back(scale);
      models_.push_back(std::move(model));
    }
  }

  const std::vector<ServedModel>& models() const override { return models_; }
  int threads() const override { return 1; }

  Result<std::shared_ptr<FrameUpscaler>> Make(const UpscalerKey& key) override {
    UpscalerInfo info;
    info.model = key.model;
    info.scale = key.scale;
    info.fingerprint = "simulated " + key.model + " x" + std::to_string(key.scale);
    return std::shared_ptr<FrameUpscaler>(
        std::make_shared<SimulatedUpscaler>(std::move(info), per_frame_));
  }

 private:
  const std::chrono::microseconds per_frame_;
  std::vector<ServedModel> models_;
};

}  // namespace

std::shared_ptr<UpscalerProvider> MakeSimulatedProvider(std::chrono::microseconds per_frame) {
  return std::make_shared<SimulatedProvider>(per_frame);
}

}  // namespace octoscale::worker
