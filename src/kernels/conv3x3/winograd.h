// Constants and weight transform of the Winograd method. Kernel-private.
#pragma once

#include "kernels/conv3x3/conv3x3.h"

namespace octoscale::kernels {

constexpr float kWinogradA = 0.70710678f;  // sqrt(1/2)
constexpr float kWinogradB = 1.41421356f;  // sqrt(2)
constexpr float kWinogradOuterGain = 2.f;  // on taps 3 and 4 of U, whose rows are the smallest
constexpr int kWinogradTiles = 24;         // tiles per multiply: V and M stay in L2
constexpr int kWinogradVMax = 8191;

// Where a channel lies in V and U: inside each group of 32, the order in which the x86 instruction
// that packs two vectors of int32 to int16 leaves channels 0..15 and 16..31.
constexpr int WinogradPosition(int channel) {
  const int c = channel % 32;
  return channel - c + c % 16 / 4 * 8 + c / 16 * 4 + c % 4;
}

constexpr size_t kWinogradVBytes = size_t{36} * kWinogradTiles * kConvChannelsMax * 2;
constexpr size_t kWinogradMBytes = size_t{36} * kWinogradTiles * 64 * 4;
static_assert(kWinogradVBytes % 64 == 0 && kWinogradMBytes % 64 == 0);
static_assert(kWinogradVBytes + kWinogradMBytes + size_t{36} * kConvChannelsMax * 4 <=
              kConvWorkspaceBytes);

}  // namespace octoscale::kernels
