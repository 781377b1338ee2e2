// The two ends of a network: pixels to the first activations, last activations to pixels.
//
// Both compute every pixel in one fixed order with plain or written-out fused operations, so their
// results are bit-identical on all CPU levels; but for the first convolution from 8-bit samples to
// bf16 on AMX, whose weights have 16 bits of significand.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/aligned_buffer.h"
#include "base/cpu.h"
#include "base/status.h"
#include "kernels/conv3x3/conv3x3.h"
#include "kernels/storage.h"

namespace octoscale::kernels {

// Format of one sample of a picture. kF32: 0..1, not rounded or clamped.
enum class Sample : uint8_t { kU8, kU16, kF32 };

constexpr size_t kPixelsWorkspaceBytes = 256u << 10;

// First convolution: 3x3 over the three planes (values 0..1), 64 outputs at most, fp32 arithmetic.
struct PackedInputConv {
  int out_channels = 0;         // multiple of 16
  AlignedBuffer<float> weight;  // [dy][dx][plane][out]
  AlignedBuffer<float> bias;    // [out]
  AlignedBuffer<float> slope;   // [out], 1 where there is no activation
  // [out / 16][2][16][16][2] for AMX: weights / 255 of 16 outputs as a sum of two bf16 numbers,
  // taps (plane, dy, dx) in pairs, those past 27 zero.
  AlignedBuffer<std::byte> tiles;
};

// spec.in_channels is 3, spec.out_channels a multiple of 16; scales and residuals are not used.
Result<PackedInputConv> PackInputConv(const ConvSpec& spec);

struct InputConvArgs {
  // plane_rows[p][i]: input row y - 1 + i of plane p, i in 0 .. rows + 1; null outside the picture.
  const void* const* plane_rows[3] = {};
  Sample sample = Sample::kU8;  // kU8 or kU16
  int width = 0;                // of the picture
  int rows = 0;
  int x_begin = 0;
  int x_end = 0;
  std::byte* const* out_rows = nullptr;  // [rows], each at pixel 0
  Storage storage = Storage::kF32;
  std::byte* const* out_rest_rows = nullptr;  // kBf16, may be null: as in ConvArgs
  std::byte* workspace = nullptr;             // at least kPixelsWorkspaceBytes
};

// Last step: activations (fp32) to samples at scale 2, 3 or 4. The x4 picture is
//   shuffled: pixel shuffle of 48 channels (channel = plane*16 + row*4 + column) plus the nearest
//             x4 of the input (SRVGGNetCompact);
//   else:     the first three of 16 channels of a x4 row (RRDBNet).
// Scales 2 and 3 resample it, before rounding, with the bicubic of ncnn's Interp layer (a = -0.75,
// half-pixel centres, no antialias, edges replicated). Samples are rounded half up and clamped.
struct OutputArgs {
  bool shuffled = true;
  int scale = 4;
  // shuffled: [i] is row y - 1 + i of activations, i in 0 .. rows + 1; else [i] is x4 row
  // 4*y - 1 + i, i in 0 .. 4*rows + 1. Rows outside the picture are not read.
  const float* const* rows_in = nullptr;
  const void* const* plane_rows[3] = {};  // shuffled: input rows as in InputConvArgs
  Sample sample_in = Sample::kU8;
  int width = 0;   // of the input picture
  int height = 0;  // of the input picture
  int y = 0;       // first input row of this call
  int rows = 0;    // input rows
  int x_begin = 0;
  int x_end = 0;
  // out_rows[p][i]: output row scale*y + i of plane p, i in 0 .. scale*rows - 1.
  void* const* out_rows[3] = {};
  Sample sample_out = Sample::kU8;
  std::byte* workspace = nullptr;  // at least kPixelsWorkspaceBytes
};

struct OutputReport {
  bool finite = true;  // no NaN or infinity among the values before rounding
  bool black = true;   // every sample came out 0
};

struct PixelKernels {
  CpuLevel level;
  void (*input_conv)(const PackedInputConv& conv, const InputConvArgs& args);
  OutputReport (*output)(const OutputArgs& args);
};

// The kernels of the highest level that is at most `level`.
const PixelKernels& SelectPixelKernels(CpuLevel level);

}  // namespace octoscale::kernels
