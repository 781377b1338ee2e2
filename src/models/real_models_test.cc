// The weights that users have, found through the model store. Skipped with the reason when they
// are not installed, unless OCTOSCALE_REQUIRE_MODELS=1, which `make test` sets.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "models/manifest.h"
#include "models/model_store.h"
#include "models/ncnn_loader.h"

namespace octoscale {
namespace {

bool ModelsRequired() {
  const char* value = std::getenv("OCTOSCALE_REQUIRE_MODELS");
  return value != nullptr && std::string_view(value) == "1";
}

class RealModelsTest : public testing::TestWithParam<std::string> {};

TEST_P(RealModelsTest, EveryScaleLoadsAsTheManifestSays) {
  const Result<const ModelEntry*> found = FindManifestEntry(GetParam());
  ASSERT_TRUE(found.ok()) << found.status().message();
  const ModelEntry& entry = **found;
  for (const ModelGraph& graph : entry.graphs) {
    const Result<LoadedModel> model = LoadModel(entry.name, graph.scale);
    if (!model.ok() && model.status().code() == StatusCode::kNotFound && !ModelsRequired()) {
      GTEST_SKIP() << model.status().message();
    }
    ASSERT_TRUE(model.ok()) << model.status().message();
    EXPECT_EQ(model->weights.model, entry.name);
    EXPECT_EQ(model->weights.kind, entry.kind);
    EXPECT_EQ(model->weights.blocks, entry.blocks);
    EXPECT_EQ(model->graph_scale, graph.scale);
    const bool srvgg = entry.kind == NetworkKind::kSrvggCompact;
    const size_t convs = static_cast<size_t>(srvgg ? entry.blocks + 2 : 15 * entry.blocks + 6);
    ASSERT_EQ(model->weights.convs.size(), convs);
    for (size_t i = 0; i < convs; ++i) {
      const ConvWeights& conv = model->weights.convs[i];
      EXPECT_EQ(conv.weight.size(),
                static_cast<size_t>(conv.in_channels) * static_cast<size_t>(conv.out_channels) * 9);
      EXPECT_EQ(conv.bias.size(), static_cast<size_t>(conv.out_channels));
      EXPECT_EQ(conv.slope.empty(), !srvgg || i == convs - 1);
      double energy = 0;
      for (const float weight : conv.weight) energy += static_cast<double>(weight) * weight;
      EXPECT_GT(energy, 0) << "conv " << i;
      EXPECT_TRUE(std::isfinite(energy));
    }
  }
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const ModelEntry& entry : Manifest()) names.push_back(entry.name);
  return names;
}

std::string TestName(const testing::TestParamInfo<std::string>& test) {
  std::string name = test.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Manifest, RealModelsTest, testing::ValuesIn(Names()), TestName);

}  // namespace
}  // namespace octoscale
