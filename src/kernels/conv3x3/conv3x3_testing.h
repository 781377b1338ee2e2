// Random convolutions with guarded buffers, for the tests and the bench of the kernels.
#pragma once

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "kernels/conv3x3/conv3x3.h"

namespace octoscale::kernels {

struct ConvCase {
  std::vector<int> source_channels = {64};
  int out_channels = 64;
  int width = 40;  // output pixels, before upsampling doubles them
  int rows = 4;    // input rows
  bool upsample = false;
  bool activation = true;
  int residuals = 0;
  bool rests = false;  // of the residuals, kDirectBf16 only
  bool out_f32 = false;
  float amplitude = 1;  // of the input

  std::string Name() const {
    std::string name;
    for (int channels : source_channels) name += std::to_string(channels) + "_";
    return name + "to" + std::to_string(out_channels) + "_" + std::to_string(width) + "x" +
           std::to_string(rows) + (upsample ? "_up" : "") + (activation ? "_act" : "") +
           (residuals ? "_res" + std::to_string(residuals) : "") + (rests ? "_rests" : "") +
           (out_f32 ? "_f32" : "");
  }
};

// One tensor with its padding, `fill` everywhere else than in the picture.
class TestTensor {
 public:
  TestTensor(Storage storage, int width, int rows, int channels, uint8_t fill)
      : storage_(storage),
        width_(width),
        rows_(rows),
        channels_(channels),
        row_bytes_(static_cast<size_t>(kLeftPadPixels + width + kRightPadPixels) * channels *
                   StorageBytes(storage)),
        data_(row_bytes_ * rows) {
    row_bytes_ = (row_bytes_ + 63) / 64 * 64;
    data_ = AlignedBuffer<std::byte>(row_bytes_ * rows);
    std::memset(data_.data(), fill, data_.size());
  }

  std::byte* row(int y) {
    return data_.data() + y * row_bytes_ +
           static_cast<size_t>(kLeftPadPixels) * channels_ * StorageBytes(storage_);
  }
  float Get(int x, int y, int c) {
    const std::byte* p =
        row(y) + (static_cast<ptrdiff_t>(x) * channels_ + c) * StorageBytes(storage_);
    if (storage_ == Storage::kF32) return *reinterpret_cast<const float*>(p);
    const uint16_t bits = *reinterpret_cast<const uint16_t*>(p);
    return storage_ == Storage::kF16 ? HalfToFloat(bits) : Bfloat16ToFloat(bits);
  }
  void Set(int x, int y, int c, float v) {
    std::byte* p = row(y) + (static_cast<ptrdiff_t>(x) * channels_ + c) * StorageBytes(storage_);
    if (storage_ == Storage::kF32) {
      *reinterpret_cast<float*>(p) = v;
    } else {
      *reinterpret_cast<uint16_t*>(p) =
          storage_ == Storage::kF16 ? FloatToHalf(v) : FloatToBfloat16(v);
    }
  }
  // True when every byte outside [0, width) x rows still is `fill`.
  bool GuardsIntact(uint8_t fill) {
    const size_t left = static_cast<size_t>(kLeftPadPixels) * channels_ * StorageBytes(storage_);
    const size_t inside = static_cast<size_t>(width_) * channels_ * StorageBytes(storage_);
    for (int y = 0; y < rows_; ++y) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(data_.data() + y * row_bytes_);
      for (size_t i = 0; i < row_bytes_; ++i) {
        if ((i < left || i >= left + inside) && bytes[i] != fill) return false;
      }
    }
    return true;
  }
  // True when every byte of pixels [begin, end) still is `fill`.
  bool Untouched(int begin, int end, uint8_t fill) {
    const ptrdiff_t pixel = static_cast<ptrdiff_t>(channels_) * StorageBytes(storage_);
    for (int y = 0; y < rows_; ++y) {
      for (const std::byte* p = row(y) + begin * pixel; p < row(y) + end * pixel; ++p) {
        if (*p != std::byte{fill}) return false;
      }
    }
    return true;
  }
  const AlignedBuffer<std::byte>& data() const { return data_; }

 private:
  Storage storage_;
  int width_;
  int rows_;
  int channels_;
  size_t row_bytes_;
  AlignedBuffer<std::byte> data_;
};

// A case with random contents, ready to run through any kernel of `method`.
class ConvFixture {
 public:
  static constexpr uint8_t kGuard = 0xa5;

  ConvFixture(const ConvCase& shape, ConvMethod method, uint32_t seed)
      : shape_(shape), storage_(ConvStorage(method)), workspace_(kConvWorkspaceBytes) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    int in_channels = 0;
    for (int channels : shape.source_channels) in_channels += channels;
    const float spread = 1.f / std::sqrt(9.f * static_cast<float>(in_channels));
    weight_.resize(size_t{9} * in_channels * shape.out_channels);
    for (float& w : weight_) w = normal(random) * spread;
    bias_.resize(shape.out_channels);
    slope_.resize(shape.out_channels);
    for (float& b : bias_) b = normal(random) * 0.1f * shape.amplitude;
    for (float& s : slope_) s = normal(random) * 0.6f;
    spec_ = {in_channels,
             shape.out_channels,
             shape.upsample,
             weight_.data(),
             bias_.data(),
             shape.activation ? slope_.data() : nullptr,
             shape.residuals > 0 ? 0.2f : 1.f,
             shape.residuals > 1 ? 0.3f : 1.f};

    const int up = shape.upsample ? 2 : 1;
    const int rows_in = (shape.rows + 3) / 4 * 4 + 2;
    for (int channels : shape.source_channels) {
      TestTensor tensor(storage_, shape.width, rows_in, channels, 0);
      for (int y = 1; y <= shape.rows; ++y) {
        for (int x = 0; x < shape.width; ++x) {
          for (int c = 0; c < channels; ++c) tensor.Set(x, y, c, normal(random) * shape.amplitude);
        }
      }
      sources_.push_back(std::move(tensor));
    }
    out_rows_count_ = shape.rows * up;
    const int padded = (shape.out_channels + 15) / 16 * 16;
    for (int i = 0; i < shape.residuals; ++i) {
      TestTensor tensor(storage_, shape.width * up, out_rows_count_, padded, 0);
      for (int y = 0; y < out_rows_count_; ++y) {
        for (int x = 0; x < shape.width * up; ++x) {
          for (int c = 0; c < shape.out_channels; ++c) tensor.Set(x, y, c, normal(random));
        }
      }
      residuals_.push_back(std::move(tensor));
      if (!shape.rests || storage_ != Storage::kBf16) continue;
      TestTensor rest(storage_, shape.width * up, out_rows_count_, padded, 0);
      for (int y = 0; y < out_rows_count_; ++y) {
        for (int x = 0; x < shape.width * up; ++x) {
          for (int c = 0; c < shape.out_channels; ++c) rest.Set(x, y, c, normal(random) * 0x1p-9f);
        }
      }
      rests_.push_back(std::move(rest));
    }
  }

  const ConvSpec& spec() const { return spec_; }
  TestTensor& source(size_t index) { return sources_[index]; }

  TestTensor NewOutput() const {
    const int up = shape_.upsample ? 2 : 1;
    return TestTensor(shape_.out_f32 ? Storage::kF32 : storage_, shape_.width * up, out_rows_count_,
                      (shape_.out_channels + 15) / 16 * 16, kGuard);
  }

  // Output pixels of one call.
  struct Cut {
    int x_begin = 0;
    int x_end = 0;
    int row_begin = 0;  // even when upsampling
    int row_end = 0;
  };
  Cut Whole() const { return {0, out_width(), 0, out_rows()}; }

  void Run(const ConvKernel& kernel, const PackedConv& packed, TestTensor* out) {
    Run(kernel, packed, Whole(), out);
  }

  // out_rest: kDirectBf16 only.
  void Run(const ConvKernel& kernel, const PackedConv& packed, const Cut& cut, TestTensor* out,
           TestTensor* out_rest = nullptr) {
    std::vector<std::vector<const std::byte*>> rows(sources_.size());
    ConvArgs args;
    args.source_count = static_cast<int>(sources_.size());
    for (size_t s = 0; s < sources_.size(); ++s) {
      const int count = (shape_.rows + 3) / 4 * 4 + 2;
      for (int y = 0; y < count; ++y) rows[s].push_back(sources_[s].row(y));
      args.sources[s] = {rows[s].data() + (cut.row_begin >> (shape_.upsample ? 1 : 0)),
                         shape_.source_channels[s]};
    }
    std::vector<std::byte*> out_rows, out_rest_rows;
    std::vector<const std::byte*> residual_rows[2], rest_rows[2];
    for (int y = cut.row_begin; y < cut.row_end; ++y) {
      out_rows.push_back(out->row(y));
      if (out_rest != nullptr) out_rest_rows.push_back(out_rest->row(y));
      for (size_t i = 0; i < residuals_.size(); ++i) {
        residual_rows[i].push_back(residuals_[i].row(y));
        if (!rests_.empty()) rest_rows[i].push_back(rests_[i].row(y));
      }
    }
    args.rows = cut.row_end - cut.row_begin;
    args.x_begin = cut.x_begin;
    args.x_end = cut.x_end;
    args.out_rows = out_rows.data();
    args.out_f32 = shape_.out_f32;
    if (!residuals_.empty()) args.residual1_rows = residual_rows[0].data();
    if (residuals_.size() > 1) args.residual2_rows = residual_rows[1].data();
    if (!rests_.empty()) args.residual1_rest_rows = rest_rows[0].data();
    if (rests_.size() > 1) args.residual2_rest_rows = rest_rows[1].data();
    if (out_rest != nullptr) args.out_rest_rows = out_rest_rows.data();
    args.workspace = workspace_.data();
    kernel.run(packed, args);
  }

  // The exact value of one output, in double precision from the stored inputs.
  double Expected(int x, int y, int out) {
    const int up = shape_.upsample ? 1 : 0;
    double v = bias_[out];
    for (int dy = 0; dy < 3; ++dy) {
      for (int dx = 0; dx < 3; ++dx) {
        const int row = ((y + dy - 1) >> up) + 1;
        const int column = (x + dx - 1) >> up;
        size_t base = 0;
        for (size_t s = 0; s < sources_.size(); ++s) {
          for (int c = 0; c < shape_.source_channels[s]; ++c, ++base) {
            v += static_cast<double>(sources_[s].Get(column, row, c)) *
                 weight_[(out * static_cast<size_t>(spec_.in_channels) + base) * 9 + dy * 3 + dx];
          }
        }
      }
    }
    if (v < 0 && shape_.activation) v *= slope_[out];
    for (size_t i = 0; i < residuals_.size(); ++i) {
      v = v * (i == 0 ? spec_.scale1 : spec_.scale2) + residuals_[i].Get(x, y, out);
      if (!rests_.empty()) v += rests_[i].Get(x, y, out);
    }
    return v;
  }

  int out_rows() const { return out_rows_count_; }
  int out_width() const { return shape_.width * (shape_.upsample ? 2 : 1); }

 private:
  ConvCase shape_;
  Storage storage_;
  AlignedBuffer<std::byte> workspace_;
  std::vector<float> weight_, bias_, slope_;
  ConvSpec spec_;
  std::vector<TestTensor> sources_, residuals_, rests_;
  int out_rows_count_ = 0;
};

}  // namespace octoscale::kernels
