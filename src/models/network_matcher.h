// Recognises the two networks of Real-ESRGAN in an ncnn graph, layer by layer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/network.h"
#include "models/ncnn_param.h"

namespace octoscale {

// The weights of one 3x3 convolution as the .bin file holds them, in file order.
struct ConvLayout {
  std::string layer;  // name in the .param file
  int in_channels = 0;
  int out_channels = 0;
  std::string slope_layer;  // the PReLU that follows; empty: none
};

struct MatchedNetwork {
  NetworkKind kind = NetworkKind::kSrvggCompact;
  int blocks = 0;       // as NetworkWeights::blocks
  int graph_scale = 4;  // of the whole graph: 4, or 2 or 3 when it ends in a bicubic resize
  std::vector<ConvLayout> convs;
};

// Walks the graph in file order and compares type, parameters and wiring of every layer with
// SRVGGNetCompact (64 features) or RRDBNet (64 features, growth 32), as ncnn's converter writes
// them. Split layers only duplicate a blob and are looked through.
// Errors name the first layer that differs, what was expected there and what was found:
// Unsupported for another network, CorruptInput for sizes that contradict each other or exceed
// every network's.
Result<MatchedNetwork> MatchNetwork(const NcnnGraph& graph, std::string_view file_name);

}  // namespace octoscale
