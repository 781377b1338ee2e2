#include "kernels/conv3x3/pack.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/conv3x3/winograd.h"

namespace octoscale::kernels {
namespace {

Status CheckFinite(const ConvSpec& spec) {
  const size_t weights = size_t{9} * spec.in_channels * spec.out_channels;
  for (size_t i = 0; i < weights; ++i) {
    if (!std::isfinite(spec.weight[i])) {
      return InvalidArgument("weight " + std::to_string(i) + " is not a finite number");
    }
  }
  for (int i = 0; i < spec.out_channels; ++i) {
    if (!std::isfinite(spec.bias[i])) {
      return InvalidArgument("bias " + std::to_string(i) + " is not a finite number");
    }
    if (spec.slope != nullptr && !std::isfinite(spec.slope[i])) {
      return InvalidArgument("PReLU slope " + std::to_string(i) + " is not a finite number");
    }
  }
  return OkStatus();
}

// Everything but the weights.
PackedConv PackCommon(const ConvSpec& spec) {
  PackedConv conv;
  conv.in_channels = spec.in_channels;
  conv.out_channels = spec.out_channels;
  conv.out_channels_padded = (spec.out_channels + 15) / 16 * 16;
  conv.upsample = spec.upsample;
  conv.scale1 = spec.scale1;
  conv.scale2 = spec.scale2;
  conv.bias = AlignedBuffer<float>(conv.out_channels_padded);
  conv.slope = AlignedBuffer<float>(conv.out_channels_padded);
  for (int i = 0; i < conv.out_channels_padded; ++i) {
    const bool real = i < spec.out_channels;
    conv.bias[i] = real ? spec.bias[i] : 0.f;
    conv.slope[i] = real && spec.slope != nullptr ? spec.slope[i] : 1.f;
  }
  return conv;
}

const float* Taps(const ConvSpec& spec, int out, int in) {
  return spec.weight + (static_cast<size_t>(out) * spec.in_channels + in) * 9;
}

// [9][in/step][out][step], each element made by `convert`.
template <typename Element, typename Convert>
PackedConv PackByTap(const ConvSpec& spec, int step, Convert convert) {
  PackedConv conv = PackCommon(spec);
  const size_t padded = conv.out_channels_padded;
  const size_t count = size_t{9} * spec.in_channels * padded;
  conv.weight = AlignedBuffer<std::byte>(count * sizeof(Element));
  conv.weight.Zero();
  auto* to = reinterpret_cast<Element*>(conv.weight.data());
  for (int tap = 0; tap < 9; ++tap) {
    for (int in = 0; in < spec.in_channels; ++in) {
      for (int out = 0; out < spec.out_channels; ++out) {
        const size_t group = (static_cast<size_t>(tap) * spec.in_channels + in) / step;
        to[(group * padded + out) * step + in % step] = convert(Taps(spec, out, in)[tap]);
      }
    }
  }
  return conv;
}

// Weight of input offset (row, column), each 0 or 1, for one parity of the output pixel.
float PhaseWeight(const float* taps, int row_parity, int column_parity, int row, int column) {
  float sum = 0;
  for (int ky = 0; ky < 3; ++ky) {
    for (int kx = 0; kx < 3; ++kx) {
      const int r = (row_parity + ky - 1 + 2) / 2 - 1 + (row_parity == 0 ? 1 : 0);
      const int c = (column_parity + kx - 1 + 2) / 2 - 1 + (column_parity == 0 ? 1 : 0);
      if (r == row && c == column) sum += taps[ky * 3 + kx];
    }
  }
  return sum;
}

// Rows of G for points 0, a, -a, b, -b, inf, with the gain that OutputLine undoes.
void WinogradG(double g[6][3]) {
  const double a = std::sqrt(0.5), b = std::sqrt(2.0);
  const double point[5] = {0, a, -a, b, -b};
  const double a2 = 0.5, b2 = 2.0;
  const double norm[5] = {a2 * b2, 2 * a2 * (a2 - b2), 2 * a2 * (a2 - b2), 2 * b2 * (b2 - a2),
                          2 * b2 * (b2 - a2)};
  for (int i = 0; i < 5; ++i) {
    const double gain = i >= 3 ? static_cast<double>(kWinogradOuterGain) : 1.0;
    for (int k = 0; k < 3; ++k) g[i][k] = gain * std::pow(point[i], k) / norm[i];
  }
  g[5][0] = g[5][1] = 0;
  g[5][2] = 1;
}

// U = G g G^T of one output channel: [36][in].
void TransformWeights(const ConvSpec& spec, int out, const double g[6][3], std::vector<double>* u) {
  for (int in = 0; in < spec.in_channels; ++in) {
    const float* taps = Taps(spec, out, in);
    double half[6][3];
    for (int i = 0; i < 6; ++i) {
      for (int x = 0; x < 3; ++x) {
        half[i][x] = g[i][0] * taps[x] + g[i][1] * taps[3 + x] + g[i][2] * taps[6 + x];
      }
    }
    for (int i = 0; i < 6; ++i) {
      for (int j = 0; j < 6; ++j) {
        (*u)[static_cast<size_t>(i * 6 + j) * spec.in_channels + in] =
            half[i][0] * g[j][0] + half[i][1] * g[j][1] + half[i][2] * g[j][2];
      }
    }
  }
}

// The value of one integer step: as small as int16 factors and int32 sums allow.
double QuantizationUnit(const std::vector<double>& u, int in_channels) {
  const double sum_max =
      std::floor(static_cast<double>(std::numeric_limits<int32_t>::max()) / kWinogradVMax) -
      in_channels;  // rounding may add half a unit to each factor
  double unit = 0;
  for (int k = 0; k < 36; ++k) {
    double sum = 0;
    for (int in = 0; in < in_channels; ++in) {
      const double value = std::fabs(u[static_cast<size_t>(k) * in_channels + in]);
      sum += value;
      unit = std::max(unit, value / 32767.0);
    }
    unit = std::max(unit, sum / sum_max);
  }
  return unit;
}

// Of one phase; see PackTilesBf16.
size_t TilePosition(int groups, int chunks, int taps, int group, int tap, int chunk) {
  const int pair = group / 2 * 2;
  const int paired = std::min(2, groups - pair);
  return static_cast<size_t>(pair) * taps * chunks +
         (static_cast<size_t>(tap) * chunks + chunk) * paired + group - pair;
}

}  // namespace

Result<PackedConv> PackDirectFp32(const ConvSpec& spec) {
  OCTO_RETURN_IF_ERROR(CheckFinite(spec));
  return PackByTap<float>(spec, 1, [](float w) { return w; });
}

Result<PackedConv> PackDirectBf16(const ConvSpec& spec) {
  OCTO_RETURN_IF_ERROR(CheckFinite(spec));
  return PackByTap<uint16_t>(spec, 2, [](float w) { return FloatToBfloat16(w); });
}

Result<PackedConv> PackTilesBf16(const ConvSpec& spec) {
  OCTO_RETURN_IF_ERROR(CheckFinite(spec));
  PackedConv conv = PackCommon(spec);
  const int phases = spec.upsample ? 4 : 1;
  const int side = spec.upsample ? 2 : 3;
  const int groups = conv.out_channels_padded / 16;
  const int chunks = spec.in_channels / 32;
  conv.weight = AlignedBuffer<std::byte>(size_t{1024} * phases * groups * side * side * chunks);
  conv.weight.Zero();
  auto* to = reinterpret_cast<uint16_t*>(conv.weight.data());
  for (int phase = 0; phase < phases; ++phase) {
    for (int out = 0; out < spec.out_channels; ++out) {
      for (int in = 0; in < spec.in_channels; ++in) {
        const float* taps = Taps(spec, out, in);
        for (int tap = 0; tap < side * side; ++tap) {
          const float w =
              spec.upsample ? PhaseWeight(taps, phase / 2, phase % 2, tap / 2, tap % 2) : taps[tap];
          const size_t tile = static_cast<size_t>(phase) * groups * side * side * chunks +
                              TilePosition(groups, chunks, side * side, out / 16, tap, in / 32);
          to[tile * 512 + (in % 32 / 2) * 32 + (out % 16) * 2 + in % 2] = FloatToBfloat16(w);
        }
      }
    }
  }
  return conv;
}

Result<PackedConv> PackWinogradInt16(const ConvSpec& spec) {
  OCTO_RETURN_IF_ERROR(CheckFinite(spec));
  PackedConv conv = PackCommon(spec);
  const size_t padded = conv.out_channels_padded;
  conv.weight = AlignedBuffer<std::byte>(size_t{36} * spec.in_channels * padded * 2);
  conv.weight.Zero();
  conv.dequantize = AlignedBuffer<float>(padded);
  conv.dequantize.Zero();
  auto* to = reinterpret_cast<int16_t*>(conv.weight.data());
  double g[6][3];
  WinogradG(g);
  std::vector<double> u(size_t{36} * spec.in_channels);
  for (int out = 0; out < spec.out_channels; ++out) {
    TransformWeights(spec, out, g, &u);
    const float unit = static_cast<float>(QuantizationUnit(u, spec.in_channels));
    if (unit == 0) continue;
    conv.dequantize[out] = unit;
    for (int k = 0; k < 36; ++k) {
      for (int in = 0; in < spec.in_channels; ++in) {
        const double steps = u[static_cast<size_t>(k) * spec.in_channels + in] / unit;
        const int position = WinogradPosition(in);
        const size_t pair = static_cast<size_t>(k) * spec.in_channels / 2 + position / 2;
        to[(pair * padded + out) * 2 + position % 2] =
            static_cast<int16_t>(std::clamp(std::nearbyint(steps), -32767.0, 32767.0));
      }
    }
  }
  return conv;
}

}  // namespace octoscale::kernels
