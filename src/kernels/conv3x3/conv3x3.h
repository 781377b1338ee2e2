// 3x3 convolution, stride 1, zero padding 1, over bands of rows, with a fused epilogue.
//
// Activations are NHWC: a row is a run of pixels, a pixel a run of channels. Kernels get row
// pointers, never a whole tensor, so its rows may lie anywhere. Contract for every input row:
//   - the pointer addresses pixel 0, which need not exist, and is 64-byte aligned; the columns from
//     x_begin - kLeftPadPixels to x_end + kRightPadPixels do;
//   - of them the picture's columns around [x_begin, x_end) and zeros beside the picture are used:
//     one column, with kWinogradInt16 as many as complete the last tile of 4x4 outputs. On AMX
//     others are loaded, and their results dropped, while another thread may be writing them;
//   - a row outside the picture is a row of zeros.
// Output pixels in [x_begin, x_end) of each output row are written, nothing else.
//
// Every method computes a pixel from its own inputs alone, in one fixed order: the result does not
// depend on how the picture is cut into calls. kWinogradInt16 is bit-identical on all CPU levels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/aligned_buffer.h"
#include "base/cpu.h"
#include "base/status.h"
#include "kernels/storage.h"

namespace octoscale::kernels {

constexpr int kLeftPadPixels = 16;
constexpr int kRightPadPixels = 64;
constexpr int kConvSourcesMax = 5;  // tensors whose channels are concatenated
constexpr int kConvChannelsMax = 192;

enum class ConvMethod : uint8_t {
  kDirectFp32,     // fp32 storage, fp32 arithmetic
  kDirectBf16,     // bf16 storage and factors, fp32 sums
  kWinogradInt16,  // fp16 storage; Winograd F(4x4,3x3) (Lavin & Gray 2016), points 0, +-sqrt(1/2),
                   // +-sqrt(2), inf; int16 factors, exact int32 sums, one scale per tile
};
Storage ConvStorage(ConvMethod method);

// What a convolution computes: for each output channel
//   v = sum + bias;  v = v >= 0 ? v : v * slope;
//   v = v * scale1 + residual1 (if given);  v = v * scale2 + residual2 (if given).
struct ConvSpec {
  int in_channels = 0;            // multiple of 32, at most kConvChannelsMax
  int out_channels = 0;           // 1..64
  bool upsample = false;          // input is first enlarged x2 by repetition
  const float* weight = nullptr;  // [out][in][3][3]
  const float* bias = nullptr;    // [out]
  const float* slope = nullptr;   // [out], or null for none
  float scale1 = 1;
  float scale2 = 1;
};

// Weights in the layout that one method at one CPU level reads. Out channels are padded to a
// multiple of 16 with zeros.
struct PackedConv {
  int in_channels = 0;
  int out_channels = 0;         // as in the spec
  int out_channels_padded = 0;  // multiple of 16: pixel stride of the output, in elements
  bool upsample = false;
  AlignedBuffer<std::byte> weight;
  AlignedBuffer<float> bias;        // [padded]
  AlignedBuffer<float> slope;       // [padded], 1 where there is no activation
  AlignedBuffer<float> dequantize;  // [padded], kWinogradInt16: value of one unit of U
  float scale1 = 1;
  float scale2 = 1;
};

// One tensor of the input. rows[i] is input row y_in - 1 + i, for i in 0 .. rows_in + 1, where y_in
// is the first output row (halved when upsampling) and rows_in the number of output rows, rounded
// up to a multiple of 4 (and halved when upsampling).
struct ConvSource {
  const std::byte* const* rows = nullptr;
  int channels = 0;  // 32 or 64; also its pixel stride in elements
};

struct ConvArgs {
  ConvSource sources[kConvSourcesMax];
  int source_count = 0;
  int rows = 0;     // output rows
  int x_begin = 0;  // output columns; kWinogradInt16: a multiple of 4, and so is the first row
  int x_end = 0;
  std::byte* const* out_rows = nullptr;  // [rows], each at pixel 0
  bool out_f32 = false;                  // write fp32 instead of the method's storage
  // Same storage, shape and rows as the output; pixel stride out_channels_padded.
  const std::byte* const* residual1_rows = nullptr;
  const std::byte* const* residual2_rows = nullptr;
  // kDirectBf16 only, each may be null: what bf16 rounding left over, as a second bf16 tensor of
  // the same shape. A trunk that many residual blocks add to keeps 16 bits of significand this way.
  const std::byte* const* residual1_rest_rows = nullptr;
  const std::byte* const* residual2_rest_rows = nullptr;
  std::byte* const* out_rest_rows = nullptr;
  std::byte* workspace = nullptr;  // at least kConvWorkspaceBytes, 64-byte aligned, one per thread
};

constexpr size_t kConvWorkspaceBytes = 2u << 20;

// One implementation. Kernels are listed so that tests and benches can run each one.
struct ConvKernel {
  std::string_view name;  // e.g. "conv3x3.winograd_int16.avx512"
  ConvMethod method;
  CpuLevel level;  // lowest level that can run it
  // Weights that are not finite are InvalidArgument.
  Result<PackedConv> (*pack)(const ConvSpec& spec);
  void (*run)(const PackedConv& conv, const ConvArgs& args);
};

// Every kernel compiled in, the scalar references among them.
std::span<const ConvKernel> ConvKernels();
// The kernel of a method with the highest level that is at most `level`.
const ConvKernel& SelectConvKernel(ConvMethod method, CpuLevel level);

// Runs a kernel and counts the call; the count shows which kernels a process really used.
void RunConv(const ConvKernel& kernel, const PackedConv& conv, const ConvArgs& args);
uint64_t ConvKernelRuns(const ConvKernel& kernel);

}  // namespace octoscale::kernels
