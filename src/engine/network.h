// The networks that the engine runs, as plain fp32 weights.
#pragma once

#include <string>
#include <vector>

namespace octoscale {

// kSrvggCompact: SRVGGNetCompact of Real-ESRGAN (conv 3>64, N x conv 64>64, conv 64>48, PReLU after
// all but the last, pixel shuffle 4, plus the nearest x4 of the input).
// kRrdb: RRDBNet of ESRGAN (Wang et al. 2018): conv_first 3>64, N residual-in-residual dense blocks
// of 15 convs each (growth 32, LeakyReLU 0.2, residual scale 0.2), conv_body, two nearest x2 +
// conv, conv_hr, conv_last 64>3.
enum class NetworkKind { kSrvggCompact, kRrdb };

// One 3x3 convolution, stride 1, zero padding 1.
struct ConvWeights {
  int in_channels = 0;
  int out_channels = 0;
  std::vector<float> weight;  // [out_channels][in_channels][3][3]
  std::vector<float> bias;    // [out_channels]
  std::vector<float> slope;   // PReLU slope [out_channels] for negative values; empty: none. In
                              // kRrdb the fixed LeakyReLU slopes are left empty.
};

struct NetworkWeights {
  std::string model;  // canonical name, e.g. "realesr-animevideov3"
  NetworkKind kind = NetworkKind::kSrvggCompact;
  int blocks = 0;                  // 64>64 middle convs (kSrvggCompact) or RRDBs (kRrdb)
  std::vector<ConvWeights> convs;  // in execution order; kRrdb: conv_first, blocks x 3 x 5,
                                   // conv_body, conv_up1, conv_up2, conv_hr, conv_last
};

}  // namespace octoscale
