#include "bench/kernels/kernel_rows.h"
#include "bench/kernels/timing.h"
#include "kernels/conv3x3/conv3x3.h"
#include "kernels/conv3x3/conv3x3_testing.h"

namespace octoscale::bench {
namespace {

using kernels::ConvCase;
using kernels::ConvKernel;
using kernels::ConvMethod;

struct Shape {
  const char* name;
  ConvCase conv;
};

// The convolutions of the networks, a band of eight rows.
std::vector<Shape> Shapes() {
  return {
      {"64>64, PReLU", {.width = 128, .rows = 8}},
      {"64>48, fp32 out",
       {.out_channels = 48, .width = 128, .rows = 8, .activation = false, .out_f32 = true}},
      {"64>32, leaky", {.out_channels = 32, .width = 128, .rows = 8}},
      {"128>32, leaky",
       {.source_channels = {64, 32, 32}, .out_channels = 32, .width = 128, .rows = 8}},
      {"192>64, two residuals",
       {.source_channels = {64, 32, 32, 32, 32},
        .width = 128,
        .rows = 8,
        .activation = false,
        .residuals = 2}},
      {"64>64 after x2", {.width = 128, .rows = 8, .upsample = true}},
      {"64>3, fp32 out",
       {.out_channels = 3, .width = 128, .rows = 8, .activation = false, .out_f32 = true}},
  };
}

// References: a shape that they finish soon.
std::vector<Shape> ReferenceShapes() { return {{"64>64, PReLU", {.width = 32, .rows = 4}}}; }

int InChannels(const ConvCase& conv) {
  int channels = 0;
  for (int c : conv.source_channels) channels += c;
  return channels;
}

double EffectiveOperations(const ConvCase& conv) {
  const double pixels = static_cast<double>(conv.width) * conv.rows * (conv.upsample ? 4 : 1);
  return 2.0 * 9 * InChannels(conv) * conv.out_channels * pixels;
}

// Multiplications and additions of the multiply instructions, padded channels included.
double DoneOperations(const ConvKernel& kernel, const ConvCase& conv) {
  const int padded = (conv.out_channels + 15) / 16 * 16;
  const int up = conv.upsample ? 2 : 1;
  const double width = static_cast<double>(conv.width) * up,
               rows = static_cast<double>(conv.rows) * up;
  const double per_tap = 2.0 * InChannels(conv) * padded;
  if (kernel.method == ConvMethod::kWinogradInt16) return per_tap * 36 / 16 * width * rows;
  // Four exact 2x2 convolutions stand for a 3x3 one after the enlargement.
  const bool four_phases = conv.upsample && kernel.level == CpuLevel::kAmx;
  return per_tap * (four_phases ? 4 : 9) * width * rows;
}

LimitKind LimitOf(const ConvKernel& kernel) {
  if (kernel.level == CpuLevel::kScalar) return LimitKind::kNone;
  if (kernel.level == CpuLevel::kAvx2) {
    return kernel.method == ConvMethod::kWinogradInt16 ? LimitKind::kMadd256 : LimitKind::kFma256;
  }
  if (kernel.method == ConvMethod::kWinogradInt16) return LimitKind::kDot16;
  if (kernel.method == ConvMethod::kDirectFp32) return LimitKind::kFma512;
  return kernel.level == CpuLevel::kAmx ? LimitKind::kTilesBf16 : LimitKind::kDotBf16;
}

KernelRow Measure(const ConvKernel& kernel, const Shape& shape, double seconds) {
  kernels::ConvFixture fixture(shape.conv, kernel.method, 1);
  const kernels::PackedConv packed = kernel.pack(fixture.spec()).value();
  kernels::TestTensor out = fixture.NewOutput();
  const double fastest = FastestSeconds(seconds, [&] { fixture.Run(kernel, packed, &out); });
  KernelRow row;
  row.kernel = kernel.name;
  row.shape = std::string(shape.name) + ", " + std::to_string(shape.conv.width) + "x" +
              std::to_string(shape.conv.rows);
  row.microseconds = fastest * 1e6;
  row.effective = EffectiveOperations(shape.conv) / fastest;
  row.done = DoneOperations(kernel, shape.conv) / fastest;
  row.limit = LimitOf(kernel);
  return row;
}

}  // namespace

std::vector<KernelRow> BenchConvs(const BenchOptions& options) {
  std::vector<KernelRow> rows;
  for (const ConvKernel& kernel : kernels::ConvKernels()) {
    if (kernel.level > DetectedCpuLevel()) continue;
    if (kernel.name.find(options.filter) == std::string_view::npos) continue;
    const bool reference = kernel.level == CpuLevel::kScalar;
    for (const Shape& shape : reference ? ReferenceShapes() : Shapes()) {
      rows.push_back(Measure(kernel, shape, options.seconds));
    }
  }
  return rows;
}

}  // namespace octoscale::bench
