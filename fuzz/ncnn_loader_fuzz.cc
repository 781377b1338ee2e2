// The ncnn loader on hostile bytes: the .param text up to the first NUL byte, then the .bin bytes.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "models/ncnn_loader.h"
#include "models/ncnn_weights.h"

namespace {

using octoscale::ConvWeights;

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckWeights(const std::vector<ConvWeights>& convs) {
  for (const ConvWeights& conv : convs) {
    const size_t outputs = static_cast<size_t>(conv.out_channels);
    Require(conv.weight.size() == outputs * static_cast<size_t>(conv.in_channels) * 9);
    Require(conv.bias.size() == outputs);
    Require(conv.slope.empty() || conv.slope.size() == outputs);
    for (const float weight : conv.weight) Require(std::isfinite(weight));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t separator = input.find('\0');
  const std::string_view param = input.substr(0, separator);
  const std::string_view bin =
      separator == std::string_view::npos ? std::string_view() : input.substr(separator + 1);

  const auto model = octoscale::LoadNcnnModelFromMemory({param, bin, "fuzz.param", "fuzz.bin"});
  if (model.ok()) {
    CheckWeights(model->weights.convs);
  } else {
    Require(!model.status().message().empty());
  }
  // Real networks need megabytes of weights; these layers make the reader reachable in a few bytes.
  const auto weights =
      octoscale::ReadNcnnWeights({{"a", 1, 1, "slope"}, {"b", 1, 2, ""}}, bin, "fuzz.bin");
  if (weights.ok()) CheckWeights(*weights);
  return 0;
}
