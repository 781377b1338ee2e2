// A plan: what a network computes, as nodes over tensors, independent of frame size and device.
//
// Nodes are grouped in segments, which follow each other. Inside a segment every tile of the frame
// passes through all nodes before the next tile starts (tile_geometry.h), so tensors that live only
// inside a segment never exist as a whole. Tensors that cross segments hold whole frames. Two
// neighbouring segments never share a local tensor. Nothing is ever recomputed.
#pragma once

#include <vector>

#include "base/status.h"
#include "engine/network.h"

namespace octoscale {

enum class NodeKind { kInput, kConv, kOutput };

struct PlanTensor {
  int channels = 0;     // pixel stride in elements
  int enlargement = 0;  // log2 of rows and columns per input row and column: 0, 1 or 2
  bool fp32 = false;    // else the precision's storage
  bool whole_frame = false;
  bool trunk = false;  // residual blocks add to it: bf16 storage keeps the rounding rest as well
};

struct PlanNode {
  NodeKind kind = NodeKind::kConv;
  int weights = -1;         // index into NetworkWeights::convs; -1 for kOutput
  std::vector<int> inputs;  // tensors, concatenated by channel; empty for kInput
  int output = -1;          // tensor; -1 for kOutput
  bool upsample = false;    // inputs are enlarged x2 by repetition first
  bool leaky = false;       // LeakyReLU 0.2 instead of the weights' PReLU
  int residual1 = -1;       // tensors added after scale1 / scale2, -1 for none
  int residual2 = -1;
  float scale1 = 1;
  float scale2 = 1;

  bool HasInput(int tensor) const;
  // As an input or a residual.
  bool Reads(int tensor) const;
};

struct PlanSegment {
  std::vector<PlanNode> nodes;  // producers before consumers
};

struct Plan {
  bool shuffled_output = false;  // the output node gets 48 pixel-shuffle channels, not x4 pixels
  std::vector<PlanTensor> tensors;
  std::vector<PlanSegment> segments;
};

// Errors: InvalidArgument when the weights' count or shapes do not fit the network, naming the
// conv.
Result<Plan> BuildPlan(const NetworkWeights& weights);

}  // namespace octoscale
