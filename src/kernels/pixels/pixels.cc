#include "kernels/pixels/pixels.h"

#include <cmath>
#include <string>

#include "kernels/pixels/pixels_private.h"

namespace octoscale::kernels {
namespace {

constexpr PixelKernels kKernels[] = {
    {CpuLevel::kScalar, RunInputConvScalar, RunOutputScalar},
    {CpuLevel::kAvx2, RunInputConvAvx2, RunOutputAvx2},
    {CpuLevel::kAvx512, RunInputConvAvx512, RunOutputAvx512},
    {CpuLevel::kAmx, RunInputConvAmx, RunOutputAvx512},
};

void PackTiles(const ConvSpec& spec, PackedInputConv* conv) {
  conv->tiles = AlignedBuffer<std::byte>(size_t{2048} * (spec.out_channels / 16));
  conv->tiles.Zero();
  auto* tiles = reinterpret_cast<uint16_t*>(conv->tiles.data());
  for (int out = 0; out < spec.out_channels; ++out) {
    for (int k = 0; k < 27; ++k) {
      const float w = spec.weight[static_cast<size_t>(out) * 27 + k] / 255.f;
      uint16_t* high = tiles + out / 16 * 1024 + k / 2 * 32 + out % 16 * 2 + k % 2;
      *high = FloatToBfloat16(w);
      high[512] = FloatToBfloat16(w - Bfloat16ToFloat(*high));
    }
  }
}

}  // namespace

Result<PackedInputConv> PackInputConv(const ConvSpec& spec) {
  const int out_channels = spec.out_channels;
  PackedInputConv conv;
  conv.out_channels = out_channels;
  conv.weight = AlignedBuffer<float>(size_t{27} * out_channels);
  conv.bias = AlignedBuffer<float>(out_channels);
  conv.slope = AlignedBuffer<float>(out_channels);
  for (int out = 0; out < out_channels; ++out) {
    conv.bias[out] = spec.bias[out];
    conv.slope[out] = spec.slope != nullptr ? spec.slope[out] : 1.f;
    bool finite = std::isfinite(conv.bias[out]) && std::isfinite(conv.slope[out]);
    for (int plane = 0; plane < 3; ++plane) {
      for (int tap = 0; tap < 9; ++tap) {
        const float w = spec.weight[(static_cast<size_t>(out) * 3 + plane) * 9 + tap];
        finite = finite && std::isfinite(w);
        conv.weight[static_cast<size_t>(tap * 3 + plane) * out_channels + out] = w;
      }
    }
    if (!finite) {
      return InvalidArgument("output channel " + std::to_string(out) +
                             " has a weight, bias or slope that is not a finite number");
    }
  }
  PackTiles(spec, &conv);
  return conv;
}

const PixelKernels& SelectPixelKernels(CpuLevel level) {
  const PixelKernels* best = &kKernels[0];
  for (const PixelKernels& kernels : kKernels) {
    if (kernels.level <= level) best = &kernels;
  }
  return *best;
}

}  // namespace octoscale::kernels
