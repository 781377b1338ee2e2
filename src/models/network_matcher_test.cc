#include "models/network_matcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "models/testing/synthetic_model.h"

namespace octoscale {
namespace {

using test::MakeRrdb;
using test::MakeSrvgg;
using test::SyntheticModel;
using testing::HasSubstr;

Result<MatchedNetwork> Match(const SyntheticModel& model) {
  OCTO_ASSIGN_OR_RETURN(const NcnnGraph graph, ParseNcnnParam(model.Param(), "net.param"));
  return MatchNetwork(graph, "net.param");
}

TEST(NetworkMatcherTest, RecognisesSrvggOfEveryScale) {
  for (const int scale : {2, 3, 4}) {
    const Result<MatchedNetwork> network = Match(MakeSrvgg(3, scale));
    ASSERT_TRUE(network.ok()) << network.status().message();
    EXPECT_EQ(network->kind, NetworkKind::kSrvggCompact);
    EXPECT_EQ(network->blocks, 3);
    EXPECT_EQ(network->graph_scale, scale);
    ASSERT_EQ(network->convs.size(), 5u);
    EXPECT_EQ(network->convs[0].layer, "conv_0");
    EXPECT_EQ(network->convs[0].slope_layer, "prelu_0");
    EXPECT_EQ(network->convs[4].out_channels, 48);
    EXPECT_EQ(network->convs[4].slope_layer, "");
  }
}

TEST(NetworkMatcherTest, RecognisesRrdb) {
  const Result<MatchedNetwork> network = Match(MakeRrdb(2));
  ASSERT_TRUE(network.ok()) << network.status().message();
  EXPECT_EQ(network->kind, NetworkKind::kRrdb);
  EXPECT_EQ(network->blocks, 2);
  EXPECT_EQ(network->graph_scale, 4);
  ASSERT_EQ(network->convs.size(), 2u * 15 + 6);
  EXPECT_EQ(network->convs[5].in_channels, 192);
  EXPECT_EQ(network->convs[5].out_channels, 64);
}

struct Difference {
  const char* name;
  bool rrdb;
  std::function<void(SyntheticModel&)> edit;
  StatusCode code;
  const char* layer;     // the first that differs
  const char* expected;  // part of the message
};

void PrintTo(const Difference& value, std::ostream* out) { *out << value.name; }

class DifferenceTest : public testing::TestWithParam<Difference> {};

TEST_P(DifferenceTest, IsRefusedAtTheFirstLayerThatDiffers) {
  SyntheticModel model = GetParam().rrdb ? MakeRrdb(1) : MakeSrvgg(2, 2);
  GetParam().edit(model);
  const Result<MatchedNetwork> network = Match(model);
  ASSERT_FALSE(network.ok());
  EXPECT_EQ(network.status().code(), GetParam().code) << network.status().message();
  EXPECT_THAT(network.status().message(), HasSubstr("net.param"));
  EXPECT_THAT(network.status().message(), HasSubstr("\"" + std::string(GetParam().layer) + "\""));
  EXPECT_THAT(network.status().message(), HasSubstr(GetParam().expected));
}

std::function<void(SyntheticModel&)> Edit(const char* layer, const char* from, const char* to) {
  return [=](SyntheticModel& model) { model.Edit(layer, from, to); };
}

std::function<void(SyntheticModel&)> Drop(size_t count) {
  return [=](SyntheticModel& model) { model.layers.resize(model.layers.size() - count); };
}

std::function<void(SyntheticModel&)> Add(const char* line) {
  return [=](SyntheticModel& model) { model.layers.emplace_back(line); };
}

constexpr StatusCode kOther = StatusCode::kUnsupported;
constexpr StatusCode kCorrupt = StatusCode::kCorruptInput;

INSTANTIATE_TEST_SUITE_P(
    Srvgg, DifferenceTest,
    testing::Values(
        Difference{"NoInput", false, Edit("input", "Input", "Noise"), kOther, "input", "Input"},
        Difference{"OtherActivation", false, Edit("prelu_1", "PReLU", "ReLU"), kOther, "prelu_1",
                   "expected PReLU"},
        Difference{"OtherFirstActivation", false, Edit("prelu_0", "PReLU", "ReLU"), kOther,
                   "prelu_0", "PReLU (SRVGGNetCompact) or Convolution"},
        Difference{"OneSlope", false, Edit("prelu_1", "0=64", "0=1"), kOther, "prelu_1",
                   "number of slopes 64"},
        Difference{"SkipsALayer", false, Edit("conv_1", "prelu_0", "conv_0"), kOther, "conv_1",
                   "output of \"prelu_0\", found that of \"conv_0\""},
        Difference{"ReadsThePicture", false, Edit("conv_1", "prelu_0", "data_0"), kOther, "conv_1",
                   "found that of \"input\""},
        Difference{"BigKernel", false, Edit("conv_1", "1=3", "1=5"), kOther, "conv_1",
                   "kernel width 3"},
        Difference{"TallKernel", false, Edit("conv_1", "1=3", "1=3 11=5"), kOther, "conv_1",
                   "kernel height 3"},
        Difference{"Stride", false, Edit("conv_1", "4=1", "3=2 4=1"), kOther, "conv_1", "stride"},
        Difference{"Dilation", false, Edit("conv_1", "4=1", "2=2 4=1"), kOther, "conv_1",
                   "dilation"},
        Difference{"NoPadding", false, Edit("conv_1", "4=1", "4=0"), kOther, "conv_1", "padding"},
        Difference{"ReflectPadding", false, Edit("conv_1", "4=1", "4=-233"), kOther, "conv_1",
                   "padding"},
        Difference{"NoBias", false, Edit("conv_1", "5=1", "5=0"), kOther, "conv_1", "bias"},
        Difference{"Int8", false, Edit("conv_1", "5=1", "5=1 8=2"), kOther, "conv_1", "int8"},
        Difference{"FusedActivation", false, Edit("conv_1", "5=1", "5=1 9=1"), kOther, "conv_1",
                   "activation"},
        Difference{"UnknownKey", false, Edit("conv_1", "5=1", "5=1 30=1"), kOther, "conv_1",
                   "key 30"},
        Difference{"ArrayForScalar", false, Edit("conv_1", "4=1", "-23304=1,1"), kOther, "conv_1",
                   "found an array"},
        Difference{"TwelveInputs", false, Edit("conv_0", "6=1728", "6=6912"), kCorrupt, "conv_0",
                   "expected 1728 weights"},
        Difference{"WrongWeightCount", false, Edit("conv_1", "6=36864", "6=36863"), kCorrupt,
                   "conv_1", "expected 36864 weights for 64x64x3x3, found 36863"},
        Difference{"AbsurdChannels", false, Edit("conv_1", "0=64", "0=2000000000"), kCorrupt,
                   "conv_1", "output channels, found 2e+09"},
        Difference{"NegativeChannels", false, Edit("conv_0", "0=64", "0=-64"), kCorrupt, "conv_0",
                   "output channels, found -64"},
        Difference{"FewerFeatures", false,
                   [](SyntheticModel& model) {
                     model.Edit("conv_0", "0=64", "0=48");
                     model.Edit("conv_0", "6=1728", "6=1296");
                   },
                   kOther, "conv_0", "output channels 64 (key 0), found 48"},
        Difference{"ShuffleByTwo", false, Edit("shuffle", "0=4", "0=2"), kOther, "shuffle",
                   "upscale factor 4"},
        Difference{"BilinearBase", false, Edit("base", "0=1", "0=2"), kOther, "base",
                   "resize type (1 nearest, 3 bicubic) 1"},
        Difference{"BaseOfAnother", false, Edit("base", "data_0", "shuffle"), kOther, "base",
                   "output of \"input\""},
        Difference{"Subtracts", false, Edit("add", "base sum", "base sum 0=1"), kOther, "add",
                   "operation (0 is add)"},
        Difference{"OtherScale", false, Edit("to_scale", "1=5.0", "1=6.0"), kOther, "to_scale",
                   "vertical scale 0.5"},
        Difference{"UnequalScales", false, Edit("to_scale", "2=5.0", "2=7.5"), kOther, "to_scale",
                   "horizontal scale 0.5"},
        Difference{"BilinearEnd", false, Edit("to_scale", "0=3", "0=2"), kOther, "to_scale",
                   "bicubic"},
        Difference{"AlignedCorners", false, Edit("to_scale", "0=3", "0=3 6=1"), kOther, "to_scale",
                   "align corners"},
        Difference{"SomethingAfter", false, Add("ReLU more 1 1 output end"), kOther, "more",
                   "expected the end of the graph"},
        Difference{"SplitAfter", false, Add("Split more 1 2 output a b"), kOther, "more",
                   "expected the end of the graph"},
        Difference{"OddSplit", false, Edit("split_data", "data_0 data_1", "data_0 data_1 0=1"),
                   kOther, "split_data", "Split of one input"},
        Difference{"EndsEarly", false, Drop(3), kOther, "shuffle", "ends early"}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Rrdb, DifferenceTest,
    testing::Values(
        Difference{"OtherLeak", true, Edit("b1_d1_conv1", "1,2.0", "1,1.0"), kOther, "b1_d1_conv1",
                   "activation parameters"},
        Difference{"NoLeak", true, Edit("b1_d2_conv3", " 9=2 -23310=1,2.000000e-01", ""), kOther,
                   "b1_d2_conv3", "LeakyReLU 0.2"},
        Difference{"ConcatOrder", true,
                   Edit("b1_d1_cat3", "conv_first_1 b1_d1_conv1", "b1_d1_conv1 conv_first_1"),
                   kOther, "b1_d1_cat3", "output of \"conv_first\""},
        Difference{"ConcatAxis", true,
                   Edit("b1_d1_cat2", "conv1 b1_d1_cat2", "conv1 b1_d1_cat2 0=1"), kOther,
                   "b1_d1_cat2", "axis 0"},
        Difference{"ResidualWeight", true, Edit("b1_d1_add", "2,2.0", "2,1.0"), kOther, "b1_d1_add",
                   "coefficients 0.2 1"},
        Difference{"ResidualProduct", true, Edit("b1_add", "0=1", "0=0"), kOther, "b1_add",
                   "operation (1 is sum)"},
        Difference{"SkipFromElsewhere", true, Edit("b1_add", "conv_first_3", "b1_d1_2"), kOther,
                   "b1_add", "output of \"conv_first\""},
        Difference{"BodySkipsTheBlocks", true, Edit("conv_body", "b1_4", "conv_first_4"), kOther,
                   "conv_body", "output of \"b1_add\""},
        Difference{"UpByThree", true, Edit("up1", "1=2.0", "1=3.0"), kOther, "up1",
                   "vertical scale 2"},
        Difference{"EndsBeforeTheLast", true, Drop(1), kOther, "conv_hr", "ends early"},
        Difference{"ResizedEnd", true, Add("Interp more 1 1 conv_last end 0=3 1=0.5 2=0.5"), kOther,
                   "more", "expected the end of the graph"}),
    [](const auto& test) { return test.param.name; });

TEST(NetworkMatcherTest, RefusesNetworksWithoutBlocks) {
  EXPECT_THAT(Match(MakeSrvgg(0)).status().message(), HasSubstr("at least one block"));
  SyntheticModel model = MakeSrvgg(1);
  model.layers.resize(3);
  EXPECT_THAT(Match(model).status().message(), HasSubstr("ends after its first convolution"));
}

}  // namespace
}  // namespace octoscale
