#include "models/network_matcher.h"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <sstream>

namespace octoscale {
namespace {

constexpr int kFeatures = 64;
constexpr int kGrowth = 32;
constexpr int kUpscale = 4;
constexpr int kTaps = 9;
constexpr int kChannelsMax = 8192;  // more is nonsense, not merely another network
constexpr double kLeakySlope = 0.2;

using Blob = int;

// What one parameter of a layer must be. Absent stands for ncnn's default.
struct ParamRule {
  int key;
  double fallback;  // ncnn's default
  double expected;
  const char* meaning;
};

std::string NumberText(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

class GraphWalker {
 public:
  GraphWalker(const NcnnGraph& graph, std::string_view file_name)
      : graph_(graph),
        file_name_(file_name),
        source_(graph.blob_names.size()),
        producer_(graph.blob_names.size(), nullptr) {}

  void set_network(std::string name) { network_ = std::move(name); }

  // The next layer that is not a Split; null at the end of the graph.
  Result<const NcnnLayer*> Peek() {
    for (; next_ < graph_.layers.size(); ++next_) {
      const NcnnLayer& layer = graph_.layers[next_];
      if (layer.type != "Split") return &layer;
      if (layer.inputs.size() != 1 || layer.outputs.empty() || !layer.params.empty()) {
        return Differs(layer, "a Split of one input", "another form of it");
      }
      const size_t input = static_cast<size_t>(layer.inputs[0]);
      for (const Blob output : layer.outputs) {
        source_[static_cast<size_t>(output)] = source_[input];
        producer_[static_cast<size_t>(output)] = producer_[input];
      }
    }
    return nullptr;
  }

  // Takes the next layer, which must be of this type, read exactly these blobs (Splits looked
  // through), write one blob and have no parameter outside the rules.
  Result<Blob> Take(const std::string& type, std::initializer_list<Blob> inputs,
                    std::initializer_list<ParamRule> rules, const std::string& role) {
    return Take(type, std::vector<Blob>(inputs), rules, role);
  }

  Result<Blob> Take(const std::string& type, const std::vector<Blob>& inputs,
                    std::initializer_list<ParamRule> rules, const std::string& role) {
    const std::string expected = type + " (" + role + ")";
    OCTO_ASSIGN_OR_RETURN(const NcnnLayer* layer, Peek());
    if (layer == nullptr) {
      return Unsupported(file_name_ + ": the graph ends early for " + network_ + ": expected " +
                         expected + " after layer " + QuoteToken(graph_.layers.back().name));
    }
    if (layer->type != type) return Differs(*layer, expected, QuoteToken(layer->type));
    OCTO_RETURN_IF_ERROR(CheckWiring(*layer, inputs, expected));
    OCTO_RETURN_IF_ERROR(CheckParams(*layer, rules, expected));
    ++next_;
    const Blob output = layer->outputs[0];
    source_[static_cast<size_t>(output)] = output;
    producer_[static_cast<size_t>(output)] = layer;
    return output;
  }

  // A 3x3 convolution, stride 1, padding 1, with bias; `leaky` adds the fused LeakyReLU 0.2.
  Result<Blob> TakeConv(Blob input, int in_channels, int out_channels, bool leaky,
                        const std::string& role, std::vector<ConvLayout>& convs) {
    OCTO_ASSIGN_OR_RETURN(const NcnnLayer* layer, Peek());
    const std::string shape = role + ", 3x3, " + std::to_string(in_channels) + " to " +
                              std::to_string(out_channels) + " channels" +
                              (leaky ? ", LeakyReLU 0.2" : "");
    if (layer != nullptr && layer->type == "Convolution") {
      OCTO_RETURN_IF_ERROR(CheckConvSizes(*layer, in_channels));
      OCTO_RETURN_IF_ERROR(CheckActivation(*layer, leaky, "Convolution (" + shape + ")"));
    }
    const double weights = static_cast<double>(in_channels) * out_channels * kTaps;
    OCTO_ASSIGN_OR_RETURN(const Blob output,
                          Take("Convolution", {input},
                               {{0, 0, static_cast<double>(out_channels), "output channels"},
                                {1, 0, 3, "kernel width"},
                                {2, 1, 1, "dilation"},
                                {3, 1, 1, "stride"},
                                {4, 0, 1, "padding"},
                                {5, 0, 1, "bias"},
                                {6, 0, weights, "number of weights"},
                                {8, 0, 0, "int8 scales"},
                                {9, 0, leaky ? 2.0 : 0.0, "activation"},
                                {11, 3, 3, "kernel height"},
                                {12, 1, 1, "vertical dilation"},
                                {13, 1, 1, "vertical stride"},
                                {14, 1, 1, "top padding"},
                                {15, 1, 1, "right padding"},
                                {16, 1, 1, "bottom padding"},
                                {18, 0, 0, "padding value"},
                                {19, 0, 0, "dynamic weights"}},
                               shape));
    convs.push_back({layer->name, in_channels, out_channels, ""});
    return output;
  }

  Result<Blob> TakeResize(Blob input, int type, double scale, const std::string& role) {
    return Take("Interp", {input},
                {{0, 0, static_cast<double>(type), "resize type (1 nearest, 3 bicubic)"},
                 {1, 1, scale, "vertical scale"},
                 {2, 1, scale, "horizontal scale"},
                 {3, 0, 0, "output height"},
                 {4, 0, 0, "output width"},
                 {5, 0, 0, "dynamic target size"},
                 {6, 0, 0, "align corners"}},
                role);
  }

  Result<Blob> TakeAdd(Blob a, Blob b, const std::string& role) {
    return Take(
        "BinaryOp", {a, b},
        {{0, 0, 0, "operation (0 is add)"}, {1, 0, 0, "scalar operand"}, {2, 0, 0, "scalar"}},
        role);
  }

  Status Finish() {
    OCTO_ASSIGN_OR_RETURN(const NcnnLayer* layer, Peek());
    if (layer != nullptr) return Differs(*layer, "the end of the graph", QuoteToken(layer->type));
    if (graph_.layers.back().type == "Split") {
      return Differs(graph_.layers.back(), "the end of the graph", "\"Split\"");
    }
    return OkStatus();
  }

  Status Differs(const NcnnLayer& layer, const std::string& expected,
                 const std::string& found) const {
    return Unsupported(Where(layer) + " differs from " + network_ + ": expected " + expected +
                       ", found " + found);
  }

 private:
  std::string Where(const NcnnLayer& layer) const {
    return file_name_ + ": line " + std::to_string(layer.line) + ": layer " +
           QuoteToken(layer.name) + " (" + QuoteToken(layer.type) + ")";
  }

  std::string ProducerName(Blob blob) const {
    const NcnnLayer* producer = producer_[static_cast<size_t>(blob)];
    return producer == nullptr ? "nothing" : QuoteToken(producer->name);
  }

  Status CheckWiring(const NcnnLayer& layer, const std::vector<Blob>& inputs,
                     const std::string& expected) const {
    if (layer.inputs.size() != inputs.size() || layer.outputs.size() != 1) {
      return Differs(layer,
                     expected + " with " + std::to_string(inputs.size()) + " inputs and 1 output",
                     std::to_string(layer.inputs.size()) + " inputs and " +
                         std::to_string(layer.outputs.size()) + " outputs");
    }
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Blob source = source_[static_cast<size_t>(layer.inputs[i])];
      if (source != inputs[i]) {
        return Differs(layer,
                       expected + " whose input " + std::to_string(i) + " is the output of " +
                           ProducerName(inputs[i]),
                       "that of " + ProducerName(source));
      }
    }
    return OkStatus();
  }

  Status CheckParams(const NcnnLayer& layer, std::initializer_list<ParamRule> rules,
                     const std::string& expected) const {
    for (const ParamRule& rule : rules) {
      const auto entry = layer.params.find(rule.key);
      const bool is_array = entry != layer.params.end() && entry->second.is_array;
      const double found =
          entry == layer.params.end() || is_array ? rule.fallback : entry->second.values[0];
      if (is_array || found != rule.expected) {
        return Differs(layer,
                       expected + " with " + rule.meaning + " " + NumberText(rule.expected) +
                           " (key " + std::to_string(rule.key) + ")",
                       is_array ? "an array" : NumberText(found));
      }
    }
    for (const auto& [key, param] : layer.params) {
      bool known = IsCheckedArray(layer, key);
      for (const ParamRule& rule : rules) known = known || rule.key == key;
      if (!known)
        return Differs(layer, expected, "an unknown parameter, key " + std::to_string(key));
    }
    return OkStatus();
  }

  // Array parameters that CheckActivation and TakeWeightedSum compare themselves.
  static bool IsCheckedArray(const NcnnLayer& layer, int key) {
    return (layer.type == "Convolution" && key == 10) || (layer.type == "Eltwise" && key == 1);
  }

  Status CheckActivation(const NcnnLayer& layer, bool leaky, const std::string& expected) const {
    const auto entry = layer.params.find(10);
    if (!leaky && entry == layer.params.end()) return OkStatus();
    const bool right = leaky && entry != layer.params.end() && entry->second.is_array &&
                       entry->second.values == std::vector<double>{kLeakySlope};
    return right ? OkStatus() : Differs(layer, expected, "other activation parameters (key 10)");
  }

  // Refuses sizes that no network has, or that contradict each other, before they are used.
  Status CheckConvSizes(const NcnnLayer& layer, int in_channels) const {
    const auto scalar = [&layer](int key) {
      const auto entry = layer.params.find(key);
      return entry == layer.params.end() || entry->second.is_array ? 0 : entry->second.values[0];
    };
    const double outputs = scalar(0);
    if (outputs < 1 || outputs > kChannelsMax) {
      return CorruptInput(Where(layer) + ": expected 1 to " + std::to_string(kChannelsMax) +
                          " output channels, found " + NumberText(outputs));
    }
    const double weights = scalar(6);
    const double expected = outputs * in_channels * kTaps;
    if (scalar(1) == 3 && weights != expected) {
      return CorruptInput(Where(layer) + ": expected " + NumberText(expected) + " weights for " +
                          NumberText(outputs) + "x" + std::to_string(in_channels) + "x3x3, found " +
                          NumberText(weights));
    }
    return OkStatus();
  }

  const NcnnGraph& graph_;
  std::string file_name_;
  std::string network_ = "SRVGGNetCompact and RRDBNet";
  size_t next_ = 0;
  std::vector<Blob> source_;                // the blob that a Split's output stands for
  std::vector<const NcnnLayer*> producer_;  // of each blob seen so far
};

bool IsConv(const NcnnLayer* layer, double out_channels) {
  if (layer == nullptr || layer->type != "Convolution") return false;
  const auto entry = layer->params.find(0);
  return entry != layer->params.end() && !entry->second.is_array &&
         entry->second.values[0] == out_channels;
}

Result<Blob> TakePrelu(GraphWalker& walker, Blob input, MatchedNetwork& network) {
  OCTO_ASSIGN_OR_RETURN(const NcnnLayer* layer, walker.Peek());
  OCTO_ASSIGN_OR_RETURN(const Blob output,
                        walker.Take("PReLU", {input}, {{0, 0, kFeatures, "number of slopes"}},
                                    "after convolution " + std::to_string(network.convs.size())));
  network.convs.back().slope_layer = layer->name;
  return output;
}

// What follows conv_first in SRVGGNetCompact.
Status MatchSrvgg(GraphWalker& walker, Blob data, Blob first, MatchedNetwork& network) {
  walker.set_network("SRVGGNetCompact");
  OCTO_ASSIGN_OR_RETURN(Blob x, TakePrelu(walker, first, network));
  while (true) {
    OCTO_ASSIGN_OR_RETURN(const NcnnLayer* layer, walker.Peek());
    if (!IsConv(layer, kFeatures)) break;
    ++network.blocks;
    OCTO_ASSIGN_OR_RETURN(
        x, walker.TakeConv(x, kFeatures, kFeatures, false,
                           "middle " + std::to_string(network.blocks), network.convs));
    OCTO_ASSIGN_OR_RETURN(x, TakePrelu(walker, x, network));
  }
  OCTO_ASSIGN_OR_RETURN(
      x, walker.TakeConv(x, kFeatures, 3 * kUpscale * kUpscale, false, "last", network.convs));
  OCTO_ASSIGN_OR_RETURN(
      x, walker.Take("PixelShuffle", {x},
                     {{0, 1, kUpscale, "upscale factor"}, {1, 0, 0, "channel order"}}, "by 4"));
  OCTO_ASSIGN_OR_RETURN(const Blob base,
                        walker.TakeResize(data, 1, kUpscale, "nearest, x4 of the input"));
  OCTO_ASSIGN_OR_RETURN(x, walker.TakeAdd(x, base, "pixel shuffle + resized input"));
  OCTO_ASSIGN_OR_RETURN(const NcnnLayer* layer, walker.Peek());
  if (layer == nullptr) return walker.Finish();
  // The x2 and x3 files shrink the x4 result; everything else about the resize must fit too.
  const auto scale = layer->params.find(1);
  const bool to_3 = scale != layer->params.end() && !scale->second.values.empty() &&
                    scale->second.values[0] == 0.75;
  network.graph_scale = to_3 ? 3 : 2;
  OCTO_RETURN_IF_ERROR(
      walker.TakeResize(x, 3, to_3 ? 0.75 : 0.5, "bicubic, x4 to x2 or x3, or the end").status());
  return walker.Finish();
}

// coefficient_a * a + coefficient_b * b, ncnn's Eltwise sum.
Result<Blob> TakeResidual(GraphWalker& walker, Blob branch, Blob skip, const std::string& role) {
  OCTO_ASSIGN_OR_RETURN(const NcnnLayer* layer, walker.Peek());
  if (layer != nullptr && layer->type == "Eltwise") {
    const auto entry = layer->params.find(1);
    if (entry == layer->params.end() || !entry->second.is_array ||
        entry->second.values != std::vector<double>{0.2, 1.0}) {
      return walker.Differs(*layer, "Eltwise (" + role + ") with coefficients 0.2 and 1",
                            "other coefficients (key 1)");
    }
  }
  return walker.Take("Eltwise", {branch, skip}, {{0, 0, 1, "operation (1 is sum)"}}, role);
}

Result<Blob> MatchDenseBlock(GraphWalker& walker, Blob input, const std::string& name,
                             std::vector<ConvLayout>& convs) {
  constexpr int kConvs = 5;
  std::vector<Blob> features = {input};
  Blob joined = input;
  for (int i = 1; i <= kConvs; ++i) {
    const std::string role = name + ", convolution " + std::to_string(i);
    const bool last = i == kConvs;
    if (i > 1) {
      OCTO_ASSIGN_OR_RETURN(
          joined, walker.Take("Concat", features, {{0, 0, 0, "axis"}}, role + ", its inputs"));
    }
    OCTO_ASSIGN_OR_RETURN(const Blob output,
                          walker.TakeConv(joined, kFeatures + (i - 1) * kGrowth,
                                          last ? kFeatures : kGrowth, !last, role, convs));
    features.push_back(output);
  }
  return TakeResidual(walker, features.back(), input, name + ", 0.2 x output + input");
}

// What follows conv_first in RRDBNet.
Status MatchRrdb(GraphWalker& walker, Blob first, MatchedNetwork& network) {
  walker.set_network("RRDBNet");
  Blob trunk = first;
  while (true) {
    OCTO_ASSIGN_OR_RETURN(const NcnnLayer* layer, walker.Peek());
    if (!IsConv(layer, kGrowth)) break;
    ++network.blocks;
    const std::string name = "RRDB " + std::to_string(network.blocks);
    Blob x = trunk;
    for (int i = 1; i <= 3; ++i) {
      OCTO_ASSIGN_OR_RETURN(
          x,
          MatchDenseBlock(walker, x, name + ", dense block " + std::to_string(i), network.convs));
    }
    OCTO_ASSIGN_OR_RETURN(trunk, TakeResidual(walker, x, trunk, name + ", 0.2 x output + input"));
  }
  OCTO_ASSIGN_OR_RETURN(
      Blob x, walker.TakeConv(trunk, kFeatures, kFeatures, false, "conv_body", network.convs));
  OCTO_ASSIGN_OR_RETURN(x, walker.TakeAdd(first, x, "conv_first + conv_body"));
  for (const char* name : {"conv_up1", "conv_up2"}) {
    OCTO_ASSIGN_OR_RETURN(x, walker.TakeResize(x, 1, 2, std::string("nearest, before ") + name));
    OCTO_ASSIGN_OR_RETURN(x, walker.TakeConv(x, kFeatures, kFeatures, true, name, network.convs));
  }
  OCTO_ASSIGN_OR_RETURN(x,
                        walker.TakeConv(x, kFeatures, kFeatures, true, "conv_hr", network.convs));
  OCTO_RETURN_IF_ERROR(
      walker.TakeConv(x, kFeatures, 3, false, "conv_last", network.convs).status());
  return walker.Finish();
}

}  // namespace

Result<MatchedNetwork> MatchNetwork(const NcnnGraph& graph, std::string_view file_name) {
  GraphWalker walker(graph, file_name);
  MatchedNetwork network;
  OCTO_ASSIGN_OR_RETURN(const Blob data, walker.Take("Input", {}, {}, "the picture"));
  OCTO_ASSIGN_OR_RETURN(const Blob first,
                        walker.TakeConv(data, 3, kFeatures, false, "conv_first", network.convs));
  OCTO_ASSIGN_OR_RETURN(const NcnnLayer* second, walker.Peek());
  if (second != nullptr && second->type == "PReLU") {
    network.kind = NetworkKind::kSrvggCompact;
    OCTO_RETURN_IF_ERROR(MatchSrvgg(walker, data, first, network));
  } else if (IsConv(second, kGrowth)) {
    network.kind = NetworkKind::kRrdb;
    OCTO_RETURN_IF_ERROR(MatchRrdb(walker, first, network));
  } else if (second != nullptr) {
    return walker.Differs(*second,
                          "PReLU (SRVGGNetCompact) or Convolution 64 to 32 channels (RRDBNet)",
                          QuoteToken(second->type));
  } else {
    return Unsupported(std::string(file_name) + ": the graph ends after its first convolution");
  }
  if (network.blocks < 1) {
    return Unsupported(std::string(file_name) + ": expected at least one block, found none");
  }
  return network;
}

}  // namespace octoscale
