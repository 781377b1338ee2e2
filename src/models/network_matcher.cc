#include "models/network_matcher.h"

#include "models/graph_walker.h"

namespace octoscale {
namespace {

using Blob = GraphWalker::Blob;

constexpr int kFeatures = 64;
constexpr int kGrowth = 32;
constexpr int kUpscale = 4;
constexpr int kTaps = 9;
constexpr int kChannelsMax = 8192;  // more is nonsense, not merely another network
constexpr double kLeakySlope = 0.2;
constexpr double kResidualScale = 0.2;

// A 3x3 convolution, stride 1, padding 1, with bias; `leaky` fuses a LeakyReLU into it.
struct ConvShape {
  int in_channels;
  int out_channels;
  bool leaky = false;
};

LayerRule ConvRule(const ConvShape& shape, const std::string& role) {
  const double weights = static_cast<double>(shape.in_channels) * shape.out_channels * kTaps;
  const double outputs = shape.out_channels;
  LayerRule rule;
  rule.type = "Convolution";
  rule.role = role + ", 3x3, " + std::to_string(shape.in_channels) + " to " +
              std::to_string(shape.out_channels) + " channels" +
              (shape.leaky ? ", LeakyReLU 0.2" : "");
  rule.params = {{0, 0, outputs, "output channels"},
                 {1, 0, 3, "kernel width"},
                 {2, 1, 1, "dilation"},
                 {3, 1, 1, "stride"},
                 {4, 0, 1, "padding"},
                 {5, 0, 1, "bias"},
                 {6, 0, weights, "number of weights"},
                 {8, 0, 0, "int8 scales"},
                 {9, 0, shape.leaky ? 2.0 : 0.0, "activation (2 is LeakyReLU)"},
                 {11, 3, 3, "kernel height"},
                 {12, 1, 1, "vertical dilation"},
                 {13, 1, 1, "vertical stride"},
                 {14, 1, 1, "top padding"},
                 {15, 1, 1, "right padding"},
                 {16, 1, 1, "bottom padding"},
                 {18, 0, 0, "padding value"},
                 {19, 0, 0, "dynamic weights"}};
  rule.arrays = {{10, {}, "activation parameters"}};
  if (shape.leaky) rule.arrays[0].expected = {kLeakySlope};
  return rule;
}

// The number of a scalar parameter; 0 when it is absent or an array.
double Scalar(const NcnnLayer& layer, int key) {
  const auto entry = layer.params.find(key);
  return entry == layer.params.end() || entry->second.is_array ? 0 : entry->second.values[0];
}

bool IsConv(const NcnnLayer* layer, int out_channels) {
  return layer != nullptr && layer->type == "Convolution" && Scalar(*layer, 0) == out_channels;
}

// Refuses sizes that no network has, or that contradict each other, before they are compared.
Status CheckConvSizes(const GraphWalker& walker, const NcnnLayer& layer, int in_channels) {
  const double outputs = Scalar(layer, 0);
  if (outputs < 1 || outputs > kChannelsMax) {
    return CorruptInput(walker.Where(layer) + ": expected 1 to " + std::to_string(kChannelsMax) +
                        " output channels, found " + NumberText(outputs));
  }
  const double expected = outputs * in_channels * kTaps;
  if (Scalar(layer, 1) == 3 && Scalar(layer, 6) != expected) {
    return CorruptInput(walker.Where(layer) + ": expected " + NumberText(expected) +
                        " weights for " + NumberText(outputs) + "x" + std::to_string(in_channels) +
                        "x3x3, found " + NumberText(Scalar(layer, 6)));
  }
  return OkStatus();
}

Result<Blob> TakeConv(GraphWalker& walker, Blob input, const ConvShape& shape,
                      const std::string& role, std::vector<ConvLayout>& convs) {
  OCTO_ASSIGN_OR_RETURN(const NcnnLayer* layer, walker.Peek());
  if (layer != nullptr && layer->type == "Convolution") {
    OCTO_RETURN_IF_ERROR(CheckConvSizes(walker, *layer, shape.in_channels));
  }
  OCTO_ASSIGN_OR_RETURN(const Blob output, walker.Take(ConvRule(shape, role), {input}));
  convs.push_back({layer->name, shape.in_channels, shape.out_channels, ""});
  return output;
}

Result<Blob> TakePrelu(GraphWalker& walker, Blob input, std::vector<ConvLayout>& convs) {
  OCTO_ASSIGN_OR_RETURN(const NcnnLayer* layer, walker.Peek());
  const std::string role = "after convolution " + std::to_string(convs.size());
  OCTO_ASSIGN_OR_RETURN(
      const Blob output,
      walker.Take({"PReLU", role, {{0, 0, kFeatures, "number of slopes"}}, {}}, {input}));
  convs.back().slope_layer = layer->name;
  return output;
}

enum class Resize { kNearest = 1, kBicubic = 3 };  // ncnn's numbers

Result<Blob> TakeResize(GraphWalker& walker, Blob input, Resize type, double scale,
                        const std::string& role) {
  return walker.Take({"Interp",
                      role,
                      {{0, 0, static_cast<double>(type), "resize type (1 nearest, 3 bicubic)"},
                       {1, 1, scale, "vertical scale"},
                       {2, 1, scale, "horizontal scale"},
                       {3, 0, 0, "output height"},
                       {4, 0, 0, "output width"},
                       {5, 0, 0, "dynamic target size"},
                       {6, 0, 0, "align corners"}},
                      {}},
                     {input});
}

Result<Blob> TakeAdd(GraphWalker& walker, Blob a, Blob b, const std::string& role) {
  return walker.Take(
      {"BinaryOp",
       role,
       {{0, 0, 0, "operation (0 is add)"}, {1, 0, 0, "scalar operand"}, {2, 0, 0, "scalar"}},
       {}},
      {a, b});
}

// 0.2 x branch + skip.
Result<Blob> TakeResidual(GraphWalker& walker, Blob branch, Blob skip, const std::string& name) {
  return walker.Take({"Eltwise",
                      name + ", 0.2 x output + input",
                      {{0, 0, 1, "operation (1 is sum)"}},
                      {{1, {kResidualScale, 1.0}, "coefficients"}}},
                     {branch, skip});
}

// What follows conv_first in SRVGGNetCompact.
Status MatchSrvgg(GraphWalker& walker, Blob data, Blob first, MatchedNetwork& network) {
  walker.set_network("SRVGGNetCompact");
  std::vector<ConvLayout>& convs = network.convs;
  OCTO_ASSIGN_OR_RETURN(Blob x, TakePrelu(walker, first, convs));
  while (true) {
    OCTO_ASSIGN_OR_RETURN(const NcnnLayer* layer, walker.Peek());
    if (!IsConv(layer, kFeatures)) break;
    ++network.blocks;
    OCTO_ASSIGN_OR_RETURN(x, TakeConv(walker, x, {kFeatures, kFeatures},
                                      "middle " + std::to_string(network.blocks), convs));
    OCTO_ASSIGN_OR_RETURN(x, TakePrelu(walker, x, convs));
  }
  OCTO_ASSIGN_OR_RETURN(x,
                        TakeConv(walker, x, {kFeatures, 3 * kUpscale * kUpscale}, "last", convs));
  OCTO_ASSIGN_OR_RETURN(
      x, walker.Take({"PixelShuffle",
                      "by 4",
                      {{0, 1, kUpscale, "upscale factor"}, {1, 0, 0, "channel order"}},
                      {}},
                     {x}));
  OCTO_ASSIGN_OR_RETURN(const Blob base, TakeResize(walker, data, Resize::kNearest, kUpscale,
                                                    "nearest, x4 of the input"));
  OCTO_ASSIGN_OR_RETURN(x, TakeAdd(walker, x, base, "pixel shuffle + resized input"));
  OCTO_ASSIGN_OR_RETURN(const NcnnLayer* layer, walker.Peek());
  if (layer == nullptr) return walker.Finish();
  // The x2 and x3 files shrink the x4 result; everything else about the resize must fit too.
  const bool to_3 = Scalar(*layer, 1) == 0.75;
  network.graph_scale = to_3 ? 3 : 2;
  OCTO_RETURN_IF_ERROR(TakeResize(walker, x, Resize::kBicubic, to_3 ? 0.75 : 0.5,
                                  "bicubic, x4 to x2 or x3, or the end of the graph")
                           .status());
  return walker.Finish();
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
          joined,
          walker.Take({"Concat", role + ", its inputs", {{0, 0, 0, "axis"}}, {}}, features));
    }
    const ConvShape shape = {kFeatures + (i - 1) * kGrowth, last ? kFeatures : kGrowth, !last};
    OCTO_ASSIGN_OR_RETURN(const Blob output, TakeConv(walker, joined, shape, role, convs));
    features.push_back(output);
  }
  return TakeResidual(walker, features.back(), input, name);
}

// What follows conv_first in RRDBNet.
Status MatchRrdb(GraphWalker& walker, Blob first, MatchedNetwork& network) {
  walker.set_network("RRDBNet");
  std::vector<ConvLayout>& convs = network.convs;
  Blob trunk = first;
  while (true) {
    OCTO_ASSIGN_OR_RETURN(const NcnnLayer* layer, walker.Peek());
    if (!IsConv(layer, kGrowth)) break;
    ++network.blocks;
    const std::string name = "RRDB " + std::to_string(network.blocks);
    Blob x = trunk;
    for (int i = 1; i <= 3; ++i) {
      OCTO_ASSIGN_OR_RETURN(
          x, MatchDenseBlock(walker, x, name + ", dense block " + std::to_string(i), convs));
    }
    OCTO_ASSIGN_OR_RETURN(trunk, TakeResidual(walker, x, trunk, name));
  }
  OCTO_ASSIGN_OR_RETURN(Blob x,
                        TakeConv(walker, trunk, {kFeatures, kFeatures}, "conv_body", convs));
  OCTO_ASSIGN_OR_RETURN(x, TakeAdd(walker, first, x, "conv_first + conv_body"));
  const ConvShape leaky = {kFeatures, kFeatures, true};
  for (const char* name : {"conv_up1", "conv_up2"}) {
    OCTO_ASSIGN_OR_RETURN(
        x, TakeResize(walker, x, Resize::kNearest, 2, std::string("nearest, before ") + name));
    OCTO_ASSIGN_OR_RETURN(x, TakeConv(walker, x, leaky, name, convs));
  }
  OCTO_ASSIGN_OR_RETURN(x, TakeConv(walker, x, leaky, "conv_hr", convs));
  OCTO_RETURN_IF_ERROR(TakeConv(walker, x, {kFeatures, 3}, "conv_last", convs).status());
  return walker.Finish();
}

}  // namespace

Result<MatchedNetwork> MatchNetwork(const NcnnGraph& graph, std::string_view file_name) {
  GraphWalker walker(graph, file_name);
  MatchedNetwork network;
  OCTO_ASSIGN_OR_RETURN(const Blob data, walker.Take({"Input", "the picture", {}, {}}, {}));
  OCTO_ASSIGN_OR_RETURN(const Blob first,
                        TakeConv(walker, data, {3, kFeatures}, "conv_first", network.convs));
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
