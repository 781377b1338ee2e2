#include "kernels/pixels/pixels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace octoscale::kernels {
namespace {

constexpr uint8_t kGuard = 0xa5;

// Kernels that this machine can run.
std::vector<const PixelKernels*> Runnable() {
  std::vector<const PixelKernels*> kernels;
  for (const CpuLevel level : AvailableCpuLevels()) {
    const PixelKernels* best = &SelectPixelKernels(level);
    if (kernels.empty() || kernels.back() != best) kernels.push_back(best);
  }
  return kernels;
}

std::string Name(const PixelKernels& kernels) { return std::string(CpuLevelName(kernels.level)); }

// Three planes of random samples; the first rows and columns are the extremes.
class Picture {
 public:
  Picture(int width, int height, Sample sample) : width_(width), height_(height), sample_(sample) {
    std::mt19937 random(width * 1000 + height);
    const uint32_t max = sample == Sample::kU8 ? 255 : 65535;
    for (auto& plane : planes_) {
      for (int i = 0; i < width * height; ++i) {
        plane.push_back(i < width ? max : i % width == 0 ? 0 : random() % (max + 1));
      }
      for (uint32_t value : plane) {
        bytes_.push_back(static_cast<uint8_t>(value));
        words_.push_back(static_cast<uint16_t>(value));
      }
    }
  }
  int width() const { return width_; }
  int height() const { return height_; }
  Sample sample() const { return sample_; }
  const void* Row(int plane, int y) const {
    if (y < 0 || y >= height_) return nullptr;
    const size_t at = (static_cast<size_t>(plane) * height_ + y) * width_;
    return sample_ == Sample::kU8 ? static_cast<const void*>(bytes_.data() + at)
                                  : words_.data() + at;
  }
  // 0..1, zero outside.
  double Value(int plane, int y, int x) const {
    if (y < 0 || y >= height_ || x < 0 || x >= width_) return 0;
    return planes_[plane][y * width_ + x] / (sample_ == Sample::kU8 ? 255.0 : 65535.0);
  }

 private:
  int width_, height_;
  Sample sample_;
  std::array<std::vector<uint32_t>, 3> planes_;
  std::vector<uint8_t> bytes_;
  std::vector<uint16_t> words_;
};

struct InputWeights {
  explicit InputWeights(int out) : out_channels(out) {
    std::mt19937 random(out);
    std::normal_distribution<float> normal;
    for (int i = 0; i < out * 27; ++i) weight.push_back(normal(random) * 0.3f);
    for (int i = 0; i < out; ++i) bias.push_back(normal(random) * 0.1f);
    for (int i = 0; i < out; ++i) slope.push_back(0.25f);
  }
  ConvSpec spec() const {
    ConvSpec spec;
    spec.in_channels = 3;
    spec.out_channels = out_channels;
    spec.weight = weight.data();
    spec.bias = bias.data();
    spec.slope = slope.data();
    return spec;
  }
  double Expected(const Picture& in, int out, int y, int x) const {
    double sum = bias[out];
    for (int p = 0; p < 3; ++p) {
      for (int t = 0; t < 9; ++t) {
        sum += weight[(out * 3 + p) * 9 + t] * in.Value(p, y + t / 3 - 1, x + t % 3 - 1);
      }
    }
    return sum >= 0 ? sum : sum * slope[out];
  }
  int out_channels;
  std::vector<float> weight, bias, slope;
};

struct Part {
  int y_begin, y_end, x_begin, x_end;
};

// Output rows of `bytes` each with guard bytes all around.
class Rows {
 public:
  Rows(int rows, size_t bytes)
      : stride_((bytes + 63) / 64 * 64 + 128), data_(stride_ * (rows + 2)), bytes_(bytes) {
    std::fill_n(reinterpret_cast<uint8_t*>(data_.data()), data_.size(), kGuard);
    for (int y = 0; y < rows; ++y) pointers_.push_back(data_.data() + stride_ * (y + 1) + 64);
  }
  std::byte* row(int y) const { return pointers_[y]; }
  std::byte* const* pointers() const { return pointers_.data(); }
  bool operator==(const Rows& other) const {
    return std::equal(data_.data(), data_.data() + data_.size(), other.data_.data());
  }
  // Bytes outside the rows that were written.
  int Strays() const {
    int strays = 0;
    for (size_t i = 0; i < data_.size(); ++i) {
      const size_t column = i % stride_, row = i / stride_;
      const bool inside =
          row >= 1 && row <= pointers_.size() && column >= 64 && column < 64 + bytes_;
      strays += !inside && data_[i] != std::byte{kGuard};
    }
    return strays;
  }

 private:
  size_t stride_;
  AlignedBuffer<std::byte> data_;
  size_t bytes_;
  std::vector<std::byte*> pointers_;
};

void RunInput(const PixelKernels& kernels, const PackedInputConv& conv, const Picture& in,
              Storage storage, const Part& part, const Rows& out, const Rows* rest = nullptr) {
  AlignedBuffer<std::byte> workspace(kPixelsWorkspaceBytes);
  std::array<std::vector<const void*>, 3> planes;
  InputConvArgs args;
  for (int p = 0; p < 3; ++p) {
    for (int y = part.y_begin - 1; y <= part.y_end; ++y) planes[p].push_back(in.Row(p, y));
    args.plane_rows[p] = planes[p].data();
  }
  args.sample = in.sample();
  args.width = in.width();
  args.rows = part.y_end - part.y_begin;
  args.x_begin = part.x_begin;
  args.x_end = part.x_end;
  args.out_rows = out.pointers() + part.y_begin;
  args.storage = storage;
  if (rest != nullptr) args.out_rest_rows = rest->pointers() + part.y_begin;
  args.workspace = workspace.data();
  kernels.input_conv(conv, args);
}

double Stored(const std::byte* row, size_t index, Storage storage) {
  if (storage == Storage::kF32) return reinterpret_cast<const float*>(row)[index];
  const uint16_t bits = reinterpret_cast<const uint16_t*>(row)[index];
  return storage == Storage::kF16 ? HalfToFloat(bits) : Bfloat16ToFloat(bits);
}

class InputConvTest : public ::testing::TestWithParam<std::tuple<Sample, Storage>> {};

TEST_P(InputConvTest, EveryLevelMatchesTheReferenceHoweverItIsCut) {
  const auto [sample, storage] = GetParam();
  const double unit = storage == Storage::kF32 ? 1e-6 : storage == Storage::kF16 ? 6e-4 : 5e-3;
  for (const auto& [width, height, channels] :
       {std::array{1, 1, 64}, {17, 3, 16}, {145, 4, 64}, {300, 2, 48}}) {
    const Picture in(width, height, sample);
    const InputWeights weights(channels);
    const PackedInputConv conv = PackInputConv(weights.spec()).value();
    const size_t row_bytes = static_cast<size_t>(width) * channels * StorageBytes(storage);
    for (const PixelKernels* kernels : Runnable()) {
      const Rows whole(height, row_bytes), cut(height, row_bytes);
      RunInput(*kernels, conv, in, storage, {0, height, 0, width}, whole);
      EXPECT_EQ(whole.Strays(), 0) << Name(*kernels);
      for (int y = 0; y < height; ++y) {
        for (int i = 0; i < width * channels; ++i) {
          const double expected = weights.Expected(in, i % channels, y, i / channels);
          ASSERT_NEAR(Stored(whole.row(y), i, storage), expected, unit * (1 + std::abs(expected)))
              << Name(*kernels) << " row " << y << " element " << i;
        }
      }
      for (int x = 0; x < width; x += 37) {
        const int end = std::min(width, x + 37), middle = height / 2;
        RunInput(*kernels, conv, in, storage, {0, middle, x, end}, cut);
        RunInput(*kernels, conv, in, storage, {middle, height, x, end}, cut);
      }
      EXPECT_TRUE(cut == whole) << Name(*kernels);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, InputConvTest,
                         ::testing::Combine(::testing::Values(Sample::kU8, Sample::kU16),
                                            ::testing::Values(Storage::kF32, Storage::kF16,
                                                              Storage::kBf16)));

TEST(InputConvTest, RestHoldsWhatBf16RoundingLeft) {
  const Picture in(50, 3, Sample::kU8);
  const InputWeights weights(64);
  const PackedInputConv conv = PackInputConv(weights.spec()).value();
  for (const PixelKernels* kernels : Runnable()) {
    const Rows out(3, 50 * 64 * 2), rest(3, 50 * 64 * 2);
    RunInput(*kernels, conv, in, Storage::kBf16, {0, 3, 0, 50}, out, &rest);
    EXPECT_EQ(rest.Strays(), 0);
    for (int i = 0; i < 50 * 64; ++i) {
      const double expected = weights.Expected(in, i % 64, 1, i / 64);
      ASSERT_NEAR(Stored(out.row(1), i, Storage::kBf16) + Stored(rest.row(1), i, Storage::kBf16),
                  expected, 5e-5 * (1 + std::abs(expected)))
          << Name(*kernels);
    }
  }
}

// Activations for the last step: x4 pixels around 0..1, some of them far outside.
class Activations {
 public:
  Activations(const Picture& in, bool shuffled)
      : shuffled_(shuffled),
        channels_(shuffled ? 48 : 16),
        width_(shuffled ? in.width() : 4 * in.width()),
        height_(shuffled ? in.height() : 4 * in.height()),
        values_(static_cast<size_t>(width_) * height_ * channels_) {
    std::mt19937 random(width_);
    for (size_t i = 0; i < values_.size(); ++i) {
      values_[i] = static_cast<float>(random() % 4000) / 2000.f - 0.6f;
      if (i % 97 == 0) values_[i] *= 1e6f;
    }
  }
  const float* Row(int y) const {
    return y < 0 || y >= height_ ? nullptr
                                 : values_.data() + static_cast<size_t>(y) * width_ * channels_;
  }
  float& at(size_t index) { return values_[index]; }
  // Pixel of the x4 picture, clamped to it.
  double Pixel(const Picture& in, int plane, int y, int x) const {
    y = std::clamp(y, 0, 4 * in.height() - 1);
    x = std::clamp(x, 0, 4 * in.width() - 1);
    if (!shuffled_) return Row(y)[static_cast<size_t>(x) * 16 + plane];
    const size_t channel = plane * 16 + y % 4 * 4 + x % 4;
    return Row(y / 4)[static_cast<size_t>(x / 4) * 48 + channel] + in.Value(plane, y / 4, x / 4);
  }

 private:
  bool shuffled_;
  int channels_, width_, height_;
  std::vector<float> values_;
};

double Cubic(double t) {
  constexpr double a = -0.75;
  t = std::abs(t);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

double Resampled(const Activations& act, const Picture& in, int scale, int plane, int y, int x) {
  if (scale == 4) return act.Pixel(in, plane, y, x);
  const double cy = (y + 0.5) * 4 / scale - 0.5, cx = (x + 0.5) * 4 / scale - 0.5;
  const int fy = static_cast<int>(std::floor(cy)), fx = static_cast<int>(std::floor(cx));
  double sum = 0;
  for (int j = fy - 1; j <= fy + 2; ++j) {
    for (int i = fx - 1; i <= fx + 2; ++i) {
      sum += Cubic(cy - j) * Cubic(cx - i) * act.Pixel(in, plane, j, i);
    }
  }
  return sum;
}

OutputReport RunOutput(const PixelKernels& kernels, const Picture& in, const Activations& act,
                       bool shuffled, int scale, Sample sample_out, const Part& part,
                       const std::array<Rows, 3>& out) {
  AlignedBuffer<std::byte> workspace(kPixelsWorkspaceBytes);
  std::vector<const float*> rows_in;
  std::array<std::vector<const void*>, 3> planes;
  std::array<std::vector<void*>, 3> out_rows;
  const int up = shuffled ? 1 : 4;
  for (int y = part.y_begin * up - 1; y <= part.y_end * up; ++y) rows_in.push_back(act.Row(y));
  OutputArgs args;
  for (int p = 0; p < 3; ++p) {
    for (int y = part.y_begin - 1; y <= part.y_end; ++y) planes[p].push_back(in.Row(p, y));
    for (int y = part.y_begin * scale; y < part.y_end * scale; ++y) {
      out_rows[p].push_back(out[p].row(y));
    }
    args.plane_rows[p] = planes[p].data();
    args.out_rows[p] = out_rows[p].data();
  }
  args.shuffled = shuffled;
  args.scale = scale;
  args.rows_in = rows_in.data();
  args.sample_in = in.sample();
  args.width = in.width();
  args.height = in.height();
  args.y = part.y_begin;
  args.rows = part.y_end - part.y_begin;
  args.x_begin = part.x_begin;
  args.x_end = part.x_end;
  args.sample_out = sample_out;
  args.workspace = workspace.data();
  return kernels.output(args);
}

std::array<Rows, 3> OutputRows(const Picture& in, int scale, Sample sample) {
  const size_t bytes = sample == Sample::kU8 ? 1 : sample == Sample::kU16 ? 2 : 4;
  const size_t row = static_cast<size_t>(in.width()) * scale * bytes;
  return {Rows(in.height() * scale, row), Rows(in.height() * scale, row),
          Rows(in.height() * scale, row)};
}

class OutputTest : public ::testing::TestWithParam<std::tuple<bool, int, Sample, Sample>> {};

TEST_P(OutputTest, EveryLevelMatchesTheReferenceHoweverItIsCut) {
  const auto [shuffled, scale, sample_in, sample_out] = GetParam();
  for (const auto& [width, height] : {std::array{1, 1}, {5, 3}, {131, 2}}) {
    const Picture in(width, height, sample_in);
    const Activations act(in, shuffled);
    for (const PixelKernels* kernels : Runnable()) {
      const std::array<Rows, 3> whole = OutputRows(in, scale, sample_out);
      const std::array<Rows, 3> cut = OutputRows(in, scale, sample_out);
      const OutputReport report =
          RunOutput(*kernels, in, act, shuffled, scale, sample_out, {0, height, 0, width}, whole);
      EXPECT_TRUE(report.finite);
      for (int p = 0; p < 3; ++p) {
        EXPECT_EQ(whole[p].Strays(), 0);
        for (int y = 0; y < height * scale; ++y) {
          for (int x = 0; x < width * scale; ++x) {
            const double value = Resampled(act, in, scale, p, y, x);
            const double slack = 1e-6 * (1 + std::abs(value)) + (scale == 4 ? 0 : 0.5);
            double found = 0, expected = value;
            if (sample_out == Sample::kF32) {
              found = reinterpret_cast<const float*>(whole[p].row(y))[x];
            } else {
              const double max = sample_out == Sample::kU8 ? 255 : 65535;
              expected = std::clamp(std::floor(value * max + 0.5), 0.0, max);
              found = sample_out == Sample::kU8
                          ? static_cast<double>(static_cast<uint8_t>(whole[p].row(y)[x]))
                          : reinterpret_cast<const uint16_t*>(whole[p].row(y))[x];
            }
            ASSERT_NEAR(found, expected, sample_out == Sample::kF32 ? slack : 1.0)
                << Name(*kernels) << " plane " << p << " row " << y << " column " << x;
          }
        }
      }
      for (int x = 0; x < width; x += 29) {
        const int end = std::min(width, x + 29), middle = height / 2;
        RunOutput(*kernels, in, act, shuffled, scale, sample_out, {0, middle, x, end}, cut);
        RunOutput(*kernels, in, act, shuffled, scale, sample_out, {middle, height, x, end}, cut);
      }
      for (int p = 0; p < 3; ++p) {
        EXPECT_TRUE(cut[p] == whole[p]) << Name(*kernels);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, OutputTest,
                         ::testing::Combine(::testing::Bool(), ::testing::Values(2, 3, 4),
                                            ::testing::Values(Sample::kU8, Sample::kU16),
                                            ::testing::Values(Sample::kU8, Sample::kU16,
                                                              Sample::kF32)));

TEST(SelectPixelKernelsTest, PicksTheHighestLevelAllowed) {
  EXPECT_EQ(SelectPixelKernels(CpuLevel::kScalar).level, CpuLevel::kScalar);
  EXPECT_EQ(SelectPixelKernels(CpuLevel::kAvx2).level, CpuLevel::kAvx2);
  EXPECT_EQ(SelectPixelKernels(CpuLevel::kAvx512).level, CpuLevel::kAvx512);
  EXPECT_EQ(SelectPixelKernels(CpuLevel::kAvx512Bf16).level, CpuLevel::kAvx512);
  EXPECT_EQ(SelectPixelKernels(CpuLevel::kAmx).level, CpuLevel::kAmx);
}

TEST(OutputTest, NotFiniteAndBlackAreReported) {
  const Picture in(9, 2, Sample::kU8);
  for (const PixelKernels* kernels : Runnable()) {
    for (const int scale : {2, 4}) {
      const std::array<Rows, 3> out = OutputRows(in, scale, Sample::kU8);
      Activations act(in, true);
      const auto run = [&] {
        return RunOutput(*kernels, in, act, true, scale, Sample::kU8, {0, 2, 0, 9}, out);
      };
      EXPECT_TRUE(run().finite);
      EXPECT_FALSE(run().black);
      act.at(7 * 48 + 5) = std::numeric_limits<float>::quiet_NaN();
      EXPECT_FALSE(run().finite) << Name(*kernels);
      act.at(7 * 48 + 5) = -std::numeric_limits<float>::infinity();
      EXPECT_FALSE(run().finite) << Name(*kernels);
      for (int i = 0; i < 9 * 2 * 48; ++i) act.at(i) = -5;
      EXPECT_TRUE(run().black) << Name(*kernels);
    }
  }
}

}  // namespace
}  // namespace octoscale::kernels
