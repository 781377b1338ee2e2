#include "engine/plan.h"

#include <algorithm>
#include <string>

namespace octoscale {
namespace {

constexpr int kFeatures = 64;
constexpr int kGrowth = 32;
constexpr float kResidualScale = 0.2f;

std::string Shape(int out, int in) {
  return std::to_string(out) + "x" + std::to_string(in) + "x3x3";
}

class PlanBuilder {
 public:
  explicit PlanBuilder(const NetworkWeights& weights) : weights_(weights) {}

  Result<Plan> Build() {
    if (weights_.blocks < 1 || weights_.blocks > 1000) {
      return InvalidArgument(weights_.model + ": " + std::to_string(weights_.blocks) +
                             " blocks; expected 1 to 1000");
    }
    if (weights_.kind == NetworkKind::kSrvggCompact) {
      BuildSrvgg();
    } else {
      BuildRrdb();
    }
    OCTO_RETURN_IF_ERROR(CheckWeights());
    return std::move(plan_);
  }

 private:
  int Tensor(int channels, bool whole_frame = false, int enlargement = 0, bool fp32 = false) {
    PlanTensor tensor;
    tensor.channels = channels;
    tensor.enlargement = enlargement;
    tensor.fp32 = fp32;
    tensor.whole_frame = tensor.trunk = whole_frame;
    plan_.tensors.push_back(tensor);
    return static_cast<int>(plan_.tensors.size()) - 1;
  }

  PlanNode& Add(NodeKind kind, std::vector<int> inputs, int output) {
    PlanNode node;
    node.kind = kind;
    node.inputs = std::move(inputs);
    node.output = output;
    if (kind != NodeKind::kOutput) node.weights = next_weights_++;
    plan_.segments.back().nodes.push_back(std::move(node));
    return plan_.segments.back().nodes.back();
  }

  void BuildSrvgg() {
    plan_.shuffled_output = true;
    plan_.segments.emplace_back();
    int x = Tensor(kFeatures);
    Add(NodeKind::kInput, {}, x);
    for (int i = 0; i < weights_.blocks; ++i) {
      const int y = Tensor(kFeatures);
      Add(NodeKind::kConv, {x}, y);
      x = y;
    }
    const int last = Tensor(48, false, 0, true);
    Add(NodeKind::kConv, {x}, last);
    Add(NodeKind::kOutput, {last}, -1);
  }

  // One residual dense block from tensor x into tensor out; x0 >= 0 closes an RRDB.
  void AddDenseBlock(int x, int out, int x0) {
    std::vector<int>& growth = growth_[plan_.segments.size() % 2];
    plan_.segments.emplace_back();
    std::vector<int> inputs = {x};
    for (size_t i = 0; i < 4; ++i) {
      if (growth.size() == i) growth.push_back(Tensor(kGrowth));
      Add(NodeKind::kConv, inputs, growth[i]).leaky = true;
      inputs.push_back(growth[i]);
    }
    PlanNode& last = Add(NodeKind::kConv, inputs, out);
    last.residual1 = x;
    last.scale1 = kResidualScale;
    last.residual2 = x0;
    if (x0 >= 0) last.scale2 = kResidualScale;
  }

  void BuildRrdb() {
    plan_.segments.emplace_back();
    const int features = Tensor(kFeatures, true);
    Add(NodeKind::kInput, {}, features);
    int rotation[3] = {Tensor(kFeatures, true), Tensor(kFeatures, true), Tensor(kFeatures, true)};
    int x0 = features;
    for (int i = 0; i < weights_.blocks; ++i) {
      int free[2], count = 0;
      for (int tensor : rotation) {
        if (tensor != x0 && count < 2) free[count++] = tensor;
      }
      AddDenseBlock(x0, free[0], -1);
      AddDenseBlock(free[0], free[1], -1);
      AddDenseBlock(free[1], free[0], x0);
      x0 = free[0];
    }
    BuildRrdbTail(x0, features);
  }

  void BuildRrdbTail(int trunk, int features) {
    plan_.segments.emplace_back();
    const int body = Tensor(kFeatures);
    Add(NodeKind::kConv, {trunk}, body).residual1 = features;
    const int up1 = Tensor(kFeatures, false, 1);
    PlanNode& first = Add(NodeKind::kConv, {body}, up1);
    first.upsample = first.leaky = true;
    const int up2 = Tensor(kFeatures, false, 2);
    PlanNode& second = Add(NodeKind::kConv, {up1}, up2);
    second.upsample = second.leaky = true;
    const int high = Tensor(kFeatures, false, 2);
    Add(NodeKind::kConv, {up2}, high).leaky = true;
    const int last = Tensor(16, false, 2, true);
    Add(NodeKind::kConv, {high}, last);
    Add(NodeKind::kOutput, {last}, -1);
  }

  Status CheckWeights() const {
    if (weights_.convs.size() != static_cast<size_t>(next_weights_)) {
      return InvalidArgument(weights_.model + ": expected " + std::to_string(next_weights_) +
                             " convolutions, found " + std::to_string(weights_.convs.size()));
    }
    for (const PlanSegment& segment : plan_.segments) {
      for (const PlanNode& node : segment.nodes) {
        if (node.weights >= 0) OCTO_RETURN_IF_ERROR(CheckConv(node));
      }
    }
    return OkStatus();
  }

  Status CheckConv(const PlanNode& node) const {
    const ConvWeights& conv = weights_.convs[node.weights];
    int in = node.kind == NodeKind::kInput ? 3 : 0;
    for (int tensor : node.inputs) in += plan_.tensors[tensor].channels;
    const int stored = plan_.tensors[node.output].channels;
    const int out = stored == 16 ? 3 : stored;
    const bool shapes_fit = conv.in_channels == in && conv.out_channels == out &&
                            conv.weight.size() == size_t{9} * in * out &&
                            conv.bias.size() == static_cast<size_t>(out) &&
                            (conv.slope.empty() || conv.slope.size() == static_cast<size_t>(out));
    if (shapes_fit) return OkStatus();
    return InvalidArgument(weights_.model + ": convolution " + std::to_string(node.weights) +
                           ": expected weights of " + Shape(out, in) + ", found " +
                           Shape(conv.out_channels, conv.in_channels) + " in " +
                           std::to_string(conv.weight.size()) + " numbers");
  }

  const NetworkWeights& weights_;
  Plan plan_;
  std::vector<int> growth_[2];  // of every other segment
  int next_weights_ = 0;
};

}  // namespace

bool PlanNode::HasInput(int tensor) const {
  return std::find(inputs.begin(), inputs.end(), tensor) != inputs.end();
}

bool PlanNode::Reads(int tensor) const {
  return HasInput(tensor) || residual1 == tensor || residual2 == tensor;
}

Result<Plan> BuildPlan(const NetworkWeights& weights) { return PlanBuilder(weights).Build(); }

}  // namespace octoscale
