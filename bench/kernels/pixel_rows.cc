#include <array>
#include <random>

#include "bench/kernels/kernel_rows.h"
#include "bench/kernels/timing.h"
#include "kernels/pixels/pixels.h"

namespace octoscale::bench {
namespace {

using kernels::PixelKernels;
using kernels::Storage;

constexpr int kWidth = 128;
constexpr int kRows = 8;
constexpr int kChannels = 64;
constexpr int kShuffledChannels = 48;
constexpr int kRgbChannels = 16;  // stride of the last activations of RRDBNet

// Rows of one allocation, padded as the kernels ask.
template <typename T>
class Rows {
 public:
  Rows(int count, int pixels, int channels)
      : stride_(static_cast<size_t>(kernels::kLeftPadPixels + pixels + kernels::kRightPadPixels) *
                channels),
        left_(static_cast<size_t>(kernels::kLeftPadPixels) * channels),
        data_(stride_ * count) {
    data_.Zero();
    for (int y = 0; y < count; ++y) pointers_.push_back(data_.data() + y * stride_ + left_);
  }
  template <typename Generate>
  void Fill(Generate generate) {
    for (size_t i = 0; i < data_.size(); ++i) data_[i] = generate();
  }
  T* const* pointers() const { return pointers_.data(); }

 private:
  size_t stride_, left_;
  AlignedBuffer<T> data_;
  std::vector<T*> pointers_;
};

// Three planes of 8-bit input with the row above and below.
struct Picture {
  Picture() {
    std::mt19937 random(1);
    for (Rows<uint8_t>& plane : planes) plane.Fill([&] { return static_cast<uint8_t>(random()); });
    for (size_t p = 0; p < 3; ++p) {
      for (int i = 0; i < kRows + 2; ++i) rows[p].push_back(planes[p].pointers()[i]);
    }
  }
  std::array<Rows<uint8_t>, 3> planes = {Rows<uint8_t>(kRows + 2, kWidth, 1),
                                         Rows<uint8_t>(kRows + 2, kWidth, 1),
                                         Rows<uint8_t>(kRows + 2, kWidth, 1)};
  std::array<std::vector<const void*>, 3> rows;
};

LimitKind FmaLimit(CpuLevel level) {
  if (level == CpuLevel::kScalar) return LimitKind::kNone;
  return level == CpuLevel::kAvx2 ? LimitKind::kFma256 : LimitKind::kFma512;
}

KernelRow BenchInputConv(const PixelKernels& kernel, const Picture& picture, double seconds) {
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  std::vector<float> weight(size_t{27} * kChannels), bias(kChannels), slope(kChannels, 0.2f);
  for (float& w : weight) w = normal(random) * 0.2f;
  kernels::ConvSpec spec;
  spec.in_channels = 3;
  spec.out_channels = kChannels;
  spec.weight = weight.data();
  spec.bias = bias.data();
  spec.slope = slope.data();
  const kernels::PackedInputConv packed = kernels::PackInputConv(spec).value();
  Rows<uint16_t> out(kRows, kWidth, kChannels);
  std::vector<std::byte*> out_rows;
  for (int y = 0; y < kRows; ++y) {
    out_rows.push_back(reinterpret_cast<std::byte*>(out.pointers()[y]));
  }
  AlignedBuffer<std::byte> workspace(kernels::kPixelsWorkspaceBytes);
  kernels::InputConvArgs args;
  for (size_t p = 0; p < 3; ++p) args.plane_rows[p] = picture.rows[p].data();
  args.width = args.x_end = kWidth;
  args.rows = kRows;
  args.out_rows = out_rows.data();
  const bool amx = kernel.level == CpuLevel::kAmx;
  args.storage = amx ? Storage::kBf16 : Storage::kF16;
  args.workspace = workspace.data();

  KernelRow row;
  row.shape = std::string("3>64, PReLU, 8-bit in, ") + (amx ? "bf16" : "fp16") + " out, 128x8";
  const double fastest = FastestSeconds(seconds, [&] { kernel.input_conv(packed, args); });
  row.microseconds = fastest * 1e6;
  row.effective = row.done = 2.0 * 27 * kChannels * kWidth * kRows / fastest;
  row.limit = FmaLimit(kernel.level);
  return row;
}

KernelRow BenchOutput(const PixelKernels& kernel, const Picture& picture, bool shuffled, int scale,
                      double seconds) {
  const int up = shuffled ? 1 : 4, channels = shuffled ? kShuffledChannels : kRgbChannels;
  Rows<float> activations(kRows * up + 2, kWidth * up, channels);
  std::mt19937 random(3);
  // As networks give them: a small correction of the picture, or the picture.
  std::uniform_real_distribution<float> uniform(shuffled ? -.05f : 0.f, shuffled ? .05f : 1.f);
  activations.Fill([&] { return uniform(random); });
  Rows<uint8_t> out(kRows * scale * 3, kWidth * scale, 1);
  AlignedBuffer<std::byte> workspace(kernels::kPixelsWorkspaceBytes);
  std::array<std::vector<void*>, 3> out_rows;
  for (size_t p = 0; p < 3; ++p) {
    for (int i = 0; i < kRows * scale; ++i) {
      out_rows[p].push_back(out.pointers()[static_cast<int>(p) * kRows * scale + i]);
    }
  }
  kernels::OutputArgs args;
  args.shuffled = shuffled;
  args.scale = scale;
  args.rows_in = activations.pointers();
  for (size_t p = 0; p < 3; ++p) {
    args.plane_rows[p] = picture.rows[p].data();
    args.out_rows[p] = out_rows[p].data();
  }
  args.width = args.x_end = kWidth;
  args.height = kRows + 2;
  args.y = 1;
  args.rows = kRows;
  args.workspace = workspace.data();

  KernelRow row;
  row.shape = std::string(shuffled ? "48 channels" : "x4 pixels") + " to 8-bit x" +
              std::to_string(scale) + ", 128x8";
  const double fastest = FastestSeconds(seconds, [&] { kernel.output(args); });
  row.microseconds = fastest * 1e6;
  const double read = static_cast<double>(up) * up * channels * sizeof(float) + (shuffled ? 3 : 0);
  row.bytes = (read + 3.0 * scale * scale) * kWidth * kRows / fastest;
  return row;
}

}  // namespace

std::vector<KernelRow> BenchPixels(const BenchOptions& options) {
  const Picture picture;
  std::vector<KernelRow> rows;
  CpuLevel last = CpuLevel::kAmx;
  for (CpuLevel level : AvailableCpuLevels()) {
    const PixelKernels& kernel = kernels::SelectPixelKernels(level);
    if (!rows.empty() && kernel.level == last) continue;
    last = kernel.level;
    const std::string suffix = "." + std::string(CpuLevelName(kernel.level));
    const auto add = [&](const std::string& name, KernelRow row) {
      row.kernel = name + suffix;
      rows.push_back(std::move(row));
    };
    if (("pixels.input_conv" + suffix).find(options.filter) != std::string::npos) {
      add("pixels.input_conv", BenchInputConv(kernel, picture, options.seconds));
    }
    if (("pixels.output" + suffix).find(options.filter) == std::string::npos) continue;
    add("pixels.output", BenchOutput(kernel, picture, true, 4, options.seconds));
    add("pixels.output", BenchOutput(kernel, picture, true, 2, options.seconds));
    add("pixels.output", BenchOutput(kernel, picture, false, 4, options.seconds));
  }
  return rows;
}

}  // namespace octoscale::bench
