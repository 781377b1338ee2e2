// Small random networks and frames for tests of the engine.
#pragma once

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "engine/network.h"
#include "frame/frame.h"

namespace octoscale {

inline ConvWeights RandomConv(std::mt19937* random, int in, int out, bool prelu) {
  std::normal_distribution<float> normal;
  ConvWeights conv{.in_channels = in, .out_channels = out, .weight = {}, .bias = {}, .slope = {}};
  const float spread = 1.2f / std::sqrt(9.f * static_cast<float>(in));
  for (int i = 0; i < 9 * in * out; ++i) conv.weight.push_back(normal(*random) * spread);
  for (int i = 0; i < out; ++i) conv.bias.push_back(normal(*random) * 0.05f);
  if (prelu) {
    for (int i = 0; i < out; ++i) conv.slope.push_back(0.2f + 0.1f * normal(*random));
  }
  return conv;
}

inline NetworkWeights RandomSrvgg(int blocks, uint32_t seed = 1) {
  std::mt19937 random(seed);
  NetworkWeights network{
      .model = "random-srvgg", .kind = NetworkKind::kSrvggCompact, .blocks = blocks, .convs = {}};
  network.convs.push_back(RandomConv(&random, 3, 64, true));
  for (int i = 0; i < blocks; ++i) network.convs.push_back(RandomConv(&random, 64, 64, true));
  network.convs.push_back(RandomConv(&random, 64, 48, false));
  return network;
}

inline NetworkWeights RandomRrdb(int blocks, uint32_t seed = 1) {
  std::mt19937 random(seed);
  NetworkWeights network{
      .model = "random-rrdb", .kind = NetworkKind::kRrdb, .blocks = blocks, .convs = {}};
  network.convs.push_back(RandomConv(&random, 3, 64, false));
  for (int i = 0; i < 3 * blocks; ++i) {
    for (int k = 0; k < 4; ++k) {
      network.convs.push_back(RandomConv(&random, 64 + 32 * k, 32, false));
    }
    network.convs.push_back(RandomConv(&random, 192, 64, false));
  }
  for (int i = 0; i < 4; ++i) network.convs.push_back(RandomConv(&random, 64, 64, false));
  network.convs.push_back(RandomConv(&random, 64, 3, false));
  for (float& b : network.convs.back().bias) b = 0.5f;
  return network;
}

inline Frame RandomFrame(FrameSize size, uint32_t seed, SampleType type = SampleType::kU8) {
  std::mt19937 random(seed);
  Frame frame(size, type);
  for (int p = 0; p < Frame::kPlanes; ++p) {
    for (int y = 0; y < size.height; ++y) {
      for (int x = 0; x < size.width; ++x) {
        const double wave = 0.5 + 0.3 * std::sin(x * 0.3 + p) * std::cos(y * 0.2 + seed);
        const double noise = static_cast<double>(random() % 1000) / 1000 * 0.2 - 0.1;
        if (type == SampleType::kU8) {
          frame.row(p, y)[x] = static_cast<uint8_t>((wave + noise) * 255);
        } else {
          frame.row16(p, y)[x] = static_cast<uint16_t>((wave + noise) * 65535);
        }
      }
    }
  }
  return frame;
}

}  // namespace octoscale
