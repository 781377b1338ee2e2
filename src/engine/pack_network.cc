#include "engine/pack_network.h"

#include <string>
#include <utility>
#include <vector>

namespace octoscale {
namespace {

kernels::ConvMethod MethodOf(Precision precision) {
  switch (precision) {
    case Precision::kBf16:
      return kernels::ConvMethod::kDirectBf16;
    case Precision::kInt16:
      return kernels::ConvMethod::kWinogradInt16;
    case Precision::kAuto:
    case Precision::kFp32:
      break;
  }
  return kernels::ConvMethod::kDirectFp32;
}

kernels::ConvSpec SpecOf(const PlanNode& node, const ConvWeights& conv,
                         const std::vector<float>& leaky) {
  kernels::ConvSpec spec;
  spec.in_channels = conv.in_channels;
  spec.out_channels = conv.out_channels;
  spec.upsample = node.upsample;
  spec.weight = conv.weight.data();
  spec.bias = conv.bias.data();
  if (node.leaky) {
    spec.slope = leaky.data();
  } else if (!conv.slope.empty()) {
    spec.slope = conv.slope.data();
  }
  spec.scale1 = node.scale1;
  spec.scale2 = node.scale2;
  return spec;
}

}  // namespace

Result<PackedNetwork> PackNetwork(const NetworkWeights& weights, Precision precision,
                                  CpuLevel level) {
  PackedNetwork network;
  OCTO_ASSIGN_OR_RETURN(network.plan, BuildPlan(weights));
  network.method = MethodOf(precision);
  network.conv_kernel = &kernels::SelectConvKernel(network.method, level);
  network.pixel_kernels = &kernels::SelectPixelKernels(level);
  network.convs.resize(weights.convs.size());
  const std::vector<float> leaky(64, 0.2f);
  for (const PlanSegment& segment : network.plan.segments) {
    for (const PlanNode& node : segment.nodes) {
      if (node.weights < 0) continue;
      const kernels::ConvSpec spec = SpecOf(node, weights.convs[node.weights], leaky);
      const std::string name = weights.model + ": convolution " + std::to_string(node.weights);
      if (node.kind == NodeKind::kInput) {
        Result<kernels::PackedInputConv> packed = kernels::PackInputConv(spec);
        if (!packed.ok()) return packed.status().WithContext(name);
        network.input = std::move(packed).value();
      } else {
        Result<kernels::PackedConv> packed = network.conv_kernel->pack(spec);
        if (!packed.ok()) return packed.status().WithContext(name);
        network.convs[node.weights] = std::move(packed).value();
      }
    }
  }
  return network;
}

}  // namespace octoscale
