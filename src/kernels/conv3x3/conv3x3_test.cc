// Every kernel x every CPU level of this machine x shapes, against a double-precision reference.
#include "kernels/conv3x3/conv3x3.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/conv3x3/conv3x3_testing.h"

namespace octoscale::kernels {
namespace {

const std::vector<ConvCase>& Cases() {
  static const std::vector<ConvCase> cases = {
      {.width = 1, .rows = 1},
      {.width = 2, .rows = 3, .activation = false},
      {.width = 37, .rows = 5},
      {.width = 131, .rows = 4},
      {.out_channels = 48, .width = 33, .rows = 8, .activation = false, .out_f32 = true},
      {.out_channels = 3, .width = 18, .rows = 4, .activation = false, .out_f32 = true},
      {.source_channels = {64, 32}, .out_channels = 32, .width = 25, .rows = 6},
      {.source_channels = {64, 32, 32, 32, 32},
       .width = 25,
       .rows = 4,
       .activation = false,
       .residuals = 2},
      {.source_channels = {32, 64}, .width = 70, .rows = 3},
      {.source_channels = {32}, .out_channels = 64, .width = 33, .rows = 3},
      {.source_channels = {64, 32, 32, 32}, .out_channels = 32, .width = 66, .rows = 5},
      {.out_channels = 16, .width = 131, .rows = 3, .residuals = 1},
      {.width = 13, .rows = 7, .activation = false, .residuals = 1},
      {.width = 21, .rows = 3, .residuals = 2, .out_f32 = true},
      {.width = 34, .rows = 3, .activation = false, .residuals = 2, .rests = true},
      {.width = 9, .rows = 3, .upsample = true},
      {.width = 35, .rows = 4, .upsample = true},
      {.width = 21, .rows = 4, .amplitude = 300},
      {.width = 21, .rows = 4, .amplitude = 1e-4f},
  };
  return cases;
}

// Worst error relative to the largest output: rounding of factors and of the stored result.
double Tolerance(ConvMethod method) {
  switch (method) {
    case ConvMethod::kDirectFp32:
      return 2e-6;
    case ConvMethod::kDirectBf16:
      return 8e-3;  // factors 2^-9, result 2^-9
    case ConvMethod::kWinogradInt16:
      return 2e-3;  // V 2^-14 of its tile, amplified by A^T; fp16
  }
  return 0;
}

class Conv3x3Test : public ::testing::TestWithParam<std::tuple<size_t, size_t>> {};

TEST_P(Conv3x3Test, MatchesReferenceAndKeepsGuards) {
  const ConvKernel& kernel = ConvKernels()[std::get<0>(GetParam())];
  const ConvCase& shape = Cases()[std::get<1>(GetParam())];
  if (kernel.level > DetectedCpuLevel()) {
    GTEST_SKIP() << "this machine lacks " << CpuLevelName(kernel.level);
  }
  ConvFixture fixture(shape, kernel.method, 7);
  const PackedConv packed = kernel.pack(fixture.spec()).value();
  TestTensor out = fixture.NewOutput();
  fixture.Run(kernel, packed, &out);
  EXPECT_TRUE(out.GuardsIntact(ConvFixture::kGuard));
  double largest = 0, worst = 0;
  for (int y = 0; y < fixture.out_rows(); ++y) {
    for (int x = 0; x < fixture.out_width(); ++x) {
      for (int c = 0; c < shape.out_channels; ++c) {
        const double expected = fixture.Expected(x, y, c);
        largest = std::max(largest, std::abs(expected));
        worst = std::max(worst, std::abs(expected - out.Get(x, y, c)));
      }
    }
  }
  EXPECT_LE(worst, largest * Tolerance(kernel.method));
}

// Every pixel has the same bits however the picture is cut into calls; no call writes more.
TEST_P(Conv3x3Test, CutsGiveTheSameBits) {
  const ConvKernel& kernel = ConvKernels()[std::get<0>(GetParam())];
  const ConvCase& shape = Cases()[std::get<1>(GetParam())];
  if (kernel.level > DetectedCpuLevel()) {
    GTEST_SKIP() << "this machine lacks " << CpuLevelName(kernel.level);
  }
  ConvFixture fixture(shape, kernel.method, 8);
  const PackedConv packed = kernel.pack(fixture.spec()).value();
  TestTensor whole = fixture.NewOutput(), cut = fixture.NewOutput();
  fixture.Run(kernel, packed, &whole);
  const bool winograd = kernel.method == ConvMethod::kWinogradInt16;  // has tiles of 4x4 pixels
  const int row_step = winograd ? 4 : shape.upsample ? 2 : 3;
  const std::vector<int> widths =
      winograd ? std::vector<int>{4, 12, 36, 8} : std::vector<int>{1, 16, 35, 3, 49};
  size_t calls = 0;
  for (int row = 0; row < fixture.out_rows(); row += row_step) {
    const int row_end = std::min(fixture.out_rows(), row + row_step);
    for (int x = 0; x < fixture.out_width();) {
      const int x_end = std::min(fixture.out_width(), x + widths[calls++ % widths.size()]);
      fixture.Run(kernel, packed, {x, x_end, row, row_end}, &cut);
      x = x_end;
    }
  }
  EXPECT_EQ(0, std::memcmp(whole.data().data(), cut.data().data(), whole.data().size()));

  const ConvFixture::Cut part = {fixture.out_width() / 2 / (winograd ? 4 : 1) * (winograd ? 4 : 1),
                                 fixture.out_width(), 0, fixture.out_rows()};
  TestTensor half = fixture.NewOutput();
  fixture.Run(kernel, packed, part, &half);
  EXPECT_TRUE(half.Untouched(0, part.x_begin, ConvFixture::kGuard));
  EXPECT_TRUE(half.GuardsIntact(ConvFixture::kGuard));
}

std::string ParamName(const ::testing::TestParamInfo<Conv3x3Test::ParamType>& info) {
  std::string name(ConvKernels()[std::get<0>(info.param)].name.substr(8));
  std::replace(name.begin(), name.end(), '.', '_');
  return name + "_" + std::to_string(std::get<1>(info.param)) + "_" +
         Cases()[std::get<1>(info.param)].Name();
}

INSTANTIATE_TEST_SUITE_P(AllKernels, Conv3x3Test,
                         ::testing::Combine(::testing::Range(size_t{0}, ConvKernels().size()),
                                            ::testing::Range(size_t{0}, Cases().size())),
                         ParamName);

// What follows the sums is the same for all kernels of the method: with weights of zero, all bits.
TEST(DirectBf16Test, AllCpuLevelsFinishAlike) {
  const ConvKernel& reference = SelectConvKernel(ConvMethod::kDirectBf16, CpuLevel::kScalar);
  for (int residuals : {0, 1, 2}) {
    for (bool rests : {false, true}) {
      for (int out_channels : {48, 64}) {
        const ConvCase shape{.out_channels = out_channels,
                             .width = 37,
                             .rows = 3,
                             .residuals = residuals,
                             .rests = rests};
        ConvFixture fixture(shape, ConvMethod::kDirectBf16, 12);
        const std::vector<float> zeros(size_t{9} * 64 * 64);
        ConvSpec spec = fixture.spec();
        spec.weight = zeros.data();
        TestTensor expected = fixture.NewOutput(), expected_rest = fixture.NewOutput();
        fixture.Run(reference, reference.pack(spec).value(), fixture.Whole(), &expected,
                    rests ? &expected_rest : nullptr);
        for (const ConvKernel& kernel : ConvKernels()) {
          if (kernel.method != ConvMethod::kDirectBf16 || kernel.level > DetectedCpuLevel())
            continue;
          TestTensor out = fixture.NewOutput(), rest = fixture.NewOutput();
          fixture.Run(kernel, kernel.pack(spec).value(), fixture.Whole(), &out,
                      rests ? &rest : nullptr);
          EXPECT_EQ(0, std::memcmp(out.data().data(), expected.data().data(), out.data().size()))
              << kernel.name << " " << shape.Name();
          EXPECT_EQ(
              0, std::memcmp(rest.data().data(), expected_rest.data().data(), rest.data().size()))
              << kernel.name << " " << shape.Name();
        }
      }
    }
  }
}

TEST(DirectConvTest, NanReachesItsNeighboursOnly) {
  for (const ConvKernel& kernel : ConvKernels()) {
    if (kernel.method == ConvMethod::kWinogradInt16 || kernel.level > DetectedCpuLevel()) continue;
    ConvFixture fixture({.width = 40, .rows = 3}, kernel.method, 13);
    fixture.source(0).Set(18, 2, 5, std::numeric_limits<float>::quiet_NaN());  // row 1 of 0 .. 2
    const PackedConv packed = kernel.pack(fixture.spec()).value();
    TestTensor out = fixture.NewOutput();
    fixture.Run(kernel, packed, &out);
    for (int x = 0; x < 40; ++x) {
      for (int c = 0; c < 64; ++c) {
        EXPECT_EQ(std::isnan(out.Get(x, 0, c)), x >= 17 && x <= 19) << kernel.name << " " << x;
      }
    }
  }
}

// The int16 method promises the same bits on every machine.
TEST(WinogradInt16Test, AllCpuLevelsGiveTheSameBits) {
  const ConvKernel& reference = SelectConvKernel(ConvMethod::kWinogradInt16, CpuLevel::kScalar);
  for (const ConvCase& shape : Cases()) {
    ConvFixture fixture(shape, ConvMethod::kWinogradInt16, 11);
    const PackedConv packed = reference.pack(fixture.spec()).value();
    TestTensor expected = fixture.NewOutput();
    fixture.Run(reference, packed, &expected);
    for (const ConvKernel& kernel : ConvKernels()) {
      if (kernel.method != ConvMethod::kWinogradInt16 || kernel.level > DetectedCpuLevel())
        continue;
      TestTensor out = fixture.NewOutput();
      fixture.Run(kernel, packed, &out);
      EXPECT_EQ(0, std::memcmp(out.data().data(), expected.data().data(), out.data().size()))
          << kernel.name << " " << shape.Name();
    }
  }
}

// Weights at the edge of what int32 sums can hold: inputs are at most 8191 times as large.
TEST(WinogradInt16Test, WorstCaseSumsDoNotOverflow) {
  const ConvCase shape{.source_channels = {64, 32, 32, 32, 32},
                       .width = 8,
                       .rows = 4,
                       .activation = false,
                       .out_f32 = true};
  const ConvKernel& reference = SelectConvKernel(ConvMethod::kWinogradInt16, CpuLevel::kScalar);
  ConvFixture fixture(shape, reference.method, 3);
  std::vector<float> ones(size_t{9} * 192 * 64, 1.f);
  ConvSpec spec = fixture.spec();
  spec.weight = ones.data();
  const PackedConv packed = reference.pack(spec).value();
  const auto* u = reinterpret_cast<const int16_t*>(packed.weight.data());
  for (int out = 0; out < 64; ++out) {
    for (int k = 0; k < 36; ++k) {
      int64_t sum = 0;
      for (int in = 0; in < 192; ++in) {
        sum += std::abs(u[((static_cast<size_t>(k) * 96 + in / 2) * 64 + out) * 2 + in % 2]);
      }
      ASSERT_LE(sum * 8191, std::numeric_limits<int32_t>::max());
    }
  }
  // Equal inputs and equal weights: every product adds up.
  for (size_t s = 0; s < shape.source_channels.size(); ++s) {
    for (int y = 1; y <= shape.rows; ++y) {
      for (int x = 0; x < shape.width; ++x) {
        for (int c = 0; c < shape.source_channels[s]; ++c) fixture.source(s).Set(x, y, c, 100);
      }
    }
  }
  for (const ConvKernel& kernel : ConvKernels()) {
    if (kernel.method != ConvMethod::kWinogradInt16 || kernel.level > DetectedCpuLevel()) continue;
    TestTensor out = fixture.NewOutput();
    fixture.Run(kernel, packed, &out);
    for (int c = 0; c < 64; ++c) {
      EXPECT_NEAR(out.Get(4, 2, c), spec.bias[c] + 9 * 192 * 100, 9 * 192 * 100 * 0.002)
          << kernel.name;
    }
  }
}

TEST(WinogradInt16Test, NotFiniteStaysNotFiniteInItsTileOnly) {
  for (const float bad :
       {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    for (const ConvKernel& kernel : ConvKernels()) {
      if (kernel.method != ConvMethod::kWinogradInt16 || kernel.level > DetectedCpuLevel())
        continue;
      ConvFixture fixture({.width = 40, .rows = 4, .out_f32 = true}, kernel.method, 5);
      fixture.source(0).Set(18, 2, 5, bad);  // of the tile of columns 16 .. 19
      const PackedConv packed = kernel.pack(fixture.spec()).value();
      TestTensor out = fixture.NewOutput();
      fixture.Run(kernel, packed, &out);
      for (int y = 0; y < 4; ++y) {
        for (int x = 0; x < 40; ++x) {
          EXPECT_EQ(std::isfinite(out.Get(x, y, 7)), x < 16 || x >= 20)
              << kernel.name << " " << x << " " << y;
        }
      }
    }
  }
}

TEST(ConvPackTest, NonFiniteWeightsAreRefused) {
  for (const ConvKernel& kernel : ConvKernels()) {
    ConvFixture fixture({.width = 1, .rows = 1}, kernel.method, 1);
    for (float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      std::vector<float> weight(size_t{9} * 64 * 64, 0.1f);
      weight[1000] = bad;
      ConvSpec spec = fixture.spec();
      spec.weight = weight.data();
      EXPECT_EQ(kernel.pack(spec).status().code(), StatusCode::kInvalidArgument) << kernel.name;
    }
  }
}

TEST(SelectConvKernelTest, PicksTheHighestLevelAllowed) {
  EXPECT_EQ(SelectConvKernel(ConvMethod::kDirectFp32, CpuLevel::kAmx).name,
            "conv3x3.direct_fp32.avx512");
  EXPECT_EQ(SelectConvKernel(ConvMethod::kDirectBf16, CpuLevel::kAvx512).name,
            "conv3x3.direct_bf16.avx2");
  EXPECT_EQ(SelectConvKernel(ConvMethod::kWinogradInt16, CpuLevel::kAvx2).name,
            "conv3x3.winograd_int16.avx2");
}

}  // namespace
}  // namespace octoscale::kernels
