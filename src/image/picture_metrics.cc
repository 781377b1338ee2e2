#include "image/picture_metrics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace octoscale {
namespace {

constexpr int kWindow = 8;
constexpr int kWindowStep = 4;
constexpr double kPeak = 255;

// Factor that brings samples to 0..255.
constexpr float SampleScale(SampleType type) {
  return type == SampleType::kU8 ? 1.0F : 255.0F / 65535.0F;
}

template <typename Sample>
const Sample* Row(const Frame& frame, int plane, int y) {
  return reinterpret_cast<const Sample*>(frame.row(plane, y));
}

template <typename Sample>
void AveragePlane(const Frame& frame, int plane, int factor, std::vector<float>* out) {
  const int width = frame.width() / factor, height = frame.height() / factor;
  const float scale = SampleScale(frame.sample_type()) / static_cast<float>(factor * factor);
  out->resize(static_cast<size_t>(width) * height);
  std::vector<uint32_t> sums(width);
  for (int y = 0; y < height; ++y) {
    std::fill(sums.begin(), sums.end(), 0);
    for (int dy = 0; dy < factor; ++dy) {
      const Sample* row = Row<Sample>(frame, plane, y * factor + dy);
      for (int x = 0; x < width; ++x) {
        for (int dx = 0; dx < factor; ++dx) sums[x] += row[x * factor + dx];
      }
    }
    float* to = out->data() + static_cast<size_t>(y) * width;
    for (int x = 0; x < width; ++x) to[x] = static_cast<float>(sums[x]) * scale;
  }
}

float Luma(float r, float g, float b) { return 0.299F * r + 0.587F * g + 0.114F * b; }

template <typename Sample>
std::vector<float> MovedLuma(const Frame& frame, int factor, int dx, int dy) {
  const int width = frame.width() / factor, height = frame.height() / factor;
  const float scale = SampleScale(frame.sample_type()) / static_cast<float>(factor * factor);
  std::vector<float> luma(static_cast<size_t>(width) * height);
  for (int y = 0; y < height * factor; ++y) {
    const int from_y = std::clamp(y + dy, 0, frame.height() - 1);
    const Sample* r = Row<Sample>(frame, 0, from_y);
    const Sample* g = Row<Sample>(frame, 1, from_y);
    const Sample* b = Row<Sample>(frame, 2, from_y);
    float* to = luma.data() + static_cast<size_t>(y / factor) * width;
    for (int x = 0; x < width * factor; ++x) {
      const int from_x = std::clamp(x + dx, 0, frame.width() - 1);
      to[x / factor] += scale * Luma(r[from_x], g[from_x], b[from_x]);
    }
  }
  return luma;
}

double SquaredError(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = double{a[i]} - double{b[i]};
    sum += difference * difference;
  }
  return sum;
}

// SSIM of one window of `width` x `height` samples whose rows are `stride` apart.
double WindowSsim(const float* a, const float* b, int stride, int width, int height) {
  double sum_a = 0, sum_b = 0, sum_aa = 0, sum_bb = 0, sum_ab = 0;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const double va = a[y * stride + x], vb = b[y * stride + x];
      sum_a += va;
      sum_b += vb;
      sum_aa += va * va;
      sum_bb += vb * vb;
      sum_ab += va * vb;
    }
  }
  const double count = static_cast<double>(width) * height;
  const double mean_a = sum_a / count, mean_b = sum_b / count;
  const double variance_a = std::max(0.0, sum_aa / count - mean_a * mean_a);
  const double variance_b = std::max(0.0, sum_bb / count - mean_b * mean_b);
  const double covariance = sum_ab / count - mean_a * mean_b;
  constexpr double kC1 = 0.01 * kPeak * 0.01 * kPeak;
  constexpr double kC2 = 0.03 * kPeak * 0.03 * kPeak;
  return (2 * mean_a * mean_b + kC1) * (2 * covariance + kC2) /
         ((mean_a * mean_a + mean_b * mean_b + kC1) * (variance_a + variance_b + kC2));
}

}  // namespace

MetricPicture AreaDownscale(const Frame& frame, int factor) {
  MetricPicture picture;
  picture.size = {frame.width() / factor, frame.height() / factor};
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    if (frame.sample_type() == SampleType::kU8) {
      AveragePlane<uint8_t>(frame, plane, factor, &picture.rgb[plane]);
    } else {
      AveragePlane<uint16_t>(frame, plane, factor, &picture.rgb[plane]);
    }
  }
  const auto& [r, g, b] = picture.rgb;
  picture.luma.resize(r.size());
  for (size_t i = 0; i < r.size(); ++i) picture.luma[i] = Luma(r[i], g[i], b[i]);
  return picture;
}

std::vector<float> ShiftedLuma(const Frame& frame, int factor, int dx, int dy) {
  return frame.sample_type() == SampleType::kU8 ? MovedLuma<uint8_t>(frame, factor, dx, dy)
                                                : MovedLuma<uint16_t>(frame, factor, dx, dy);
}

double MeanSquaredError(const MetricPicture& a, const MetricPicture& b) {
  if (a.luma.empty()) return 0;
  double sum = 0;
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    sum += SquaredError(a.rgb[plane], b.rgb[plane]);
  }
  return sum / (Frame::kPlanes * static_cast<double>(a.luma.size()));
}

double MeanSquaredError(const std::vector<float>& a, const std::vector<float>& b) {
  return a.empty() ? 0 : SquaredError(a, b) / static_cast<double>(a.size());
}

double PsnrDb(double mse) {
  if (mse <= 0) return kPsnrDbMax;
  return std::min(kPsnrDbMax, 10 * std::log10(kPeak * kPeak / mse));
}

double Ssim(const MetricPicture& a, const MetricPicture& b) {
  const int width = a.size.width, height = a.size.height;
  const int window_width = std::min(kWindow, width), window_height = std::min(kWindow, height);
  double sum = 0;
  int64_t windows = 0;
  for (int y = 0; y + window_height <= height; y += kWindowStep) {
    for (int x = 0; x + window_width <= width; x += kWindowStep) {
      const size_t at = static_cast<size_t>(y) * width + x;
      sum += WindowSsim(a.luma.data() + at, b.luma.data() + at, width, window_width, window_height);
      ++windows;
    }
  }
  return windows == 0 ? 1 : sum / static_cast<double>(windows);
}

double MeanLuma(const MetricPicture& picture) {
  if (picture.luma.empty()) return 0;
  return std::accumulate(picture.luma.begin(), picture.luma.end(), 0.0) /
         static_cast<double>(picture.luma.size());
}

}  // namespace octoscale
