#include "models/ncnn_param.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/testing/synthetic_model.h"

namespace octoscale {
namespace {

using test::MakeSrvgg;
using testing::HasSubstr;

TEST(NcnnParamTest, ReadsLayersBlobsAndParameters) {
  const Result<NcnnGraph> graph = ParseNcnnParam(
      "7767517\n3 3\nInput in 0 1 data\r\n"
      "Convolution c 1 1 data x 0=64 9=2 -23310=2,2.5e-01,-1\nPReLU p 1 1 x y\n\n",
      "a.param");
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  ASSERT_EQ(graph->layers.size(), 3u);
  EXPECT_EQ(graph->blob_names, (std::vector<std::string>{"data", "x", "y"}));
  const NcnnLayer& conv = graph->layers[1];
  EXPECT_EQ(conv.type, "Convolution");
  EXPECT_EQ(conv.name, "c");
  EXPECT_EQ(conv.line, 4);
  EXPECT_EQ(conv.inputs, std::vector<int>{0});
  EXPECT_EQ(conv.outputs, std::vector<int>{1});
  EXPECT_EQ(conv.params.at(0).values, std::vector<double>{64});
  EXPECT_FALSE(conv.params.at(0).is_array);
  EXPECT_TRUE(conv.params.at(10).is_array);
  EXPECT_EQ(conv.params.at(10).values, (std::vector<double>{0.25, -1}));
}

struct BadText {
  const char* name;
  std::string text;
  const char* message;
};

void PrintTo(const BadText& value, std::ostream* out) { *out << value.name; }

class BadParamTest : public testing::TestWithParam<BadText> {};

TEST_P(BadParamTest, IsCorruptInputThatNamesFileAndCause) {
  const Result<NcnnGraph> graph = ParseNcnnParam(GetParam().text, "bad.param");
  ASSERT_FALSE(graph.ok());
  EXPECT_EQ(graph.status().code(), StatusCode::kCorruptInput);
  EXPECT_THAT(graph.status().message(), HasSubstr("bad.param: "));
  EXPECT_THAT(graph.status().message(), HasSubstr(GetParam().message));
}

std::string Graph(const std::string& counts, const std::string& layers) {
  return "7767517\n" + counts + "\n" + layers;
}

INSTANTIATE_TEST_SUITE_P(
    Texts, BadParamTest,
    testing::Values(
        BadText{"Empty", "", "magic 7767517"}, BadText{"Binary", std::string("\0\1\2", 3), "magic"},
        BadText{"OtherMagic", "7767518\n1 1\nInput a 0 1 b\n", "\"7767518\""},
        BadText{"OnlyMagic", "7767517\n", "layers in line 2"},
        BadText{"TwoBillionLayers", Graph("2000000000 2000000000", "Input a 0 1 b\n"),
                "found \"2000000000\""},
        BadText{"MoreLayersThanAnInt", Graph("99999999999999 1", "Input a 0 1 b\n"), "found"},
        BadText{"NegativeLayers", Graph("-1 1", "Input a 0 1 b\n"), "found \"-1\""},
        BadText{"TooManyBlobs", Graph("1 2000000000", "Input a 0 1 b\n"), "blobs in line 2"},
        BadText{"ThreeCounts", Graph("1 1 1", "Input a 0 1 b\n"), "two counts"},
        BadText{"CountsBeyondTheText", Graph("4000 4000", "Input a 0 1 b\n"),
                "expected at least 28000 bytes"},
        BadText{"LayersMissing", Graph("2 1", "Input a 0 1 b\n"), "the file ends after 1"},
        BadText{"LayerTooMany", Graph("1 1", "Input a 0 1 b\nInput c 0 1 d\n"),
                "expected the end after 1 layers"},
        BadText{"BlobsMissing", Graph("1 2", "Input a 0 1 b\n"), "expected 2 blobs"},
        BadText{"BlobsTooMany", Graph("1 1", "Input a 0 2 b c\n"), "expected 1 blobs"},
        BadText{"EmptyLine", Graph("1 1", "\nInput a 0 1 b\n"), "found an empty line"},
        BadText{"NameMissing", Graph("1 1", "Input\nInput a 0 1\n"), "expected a layer"},
        BadText{"InputCountAbsurd", Graph("1 1", "Input a 2000000000 1 b\n"), "a count of inputs"},
        BadText{"OutputCountNegative", Graph("1 1", "Input a 0 -1 b\n"), "a count of inputs"},
        BadText{"OutputMissing", Graph("1 1", "Input abcdef 0 1\n"), "the name of an output"},
        BadText{"InputUnknown", Graph("1 1", "PReLU a 1 1 x b\n"), "an earlier layer, found \"x\""},
        BadText{"InputFromLater", Graph("2 2", "PReLU a 1 1 c b\nInput i 0 1 c\n"),
                "an earlier layer"},
        BadText{"OutputTwice", Graph("2 2", "Input a 0 1 b\nInput c 0 1 b\n"), "already that of"},
        BadText{"ParamWithoutKey", Graph("1 1", "Input a 0 1 b c\n"), "key=value"},
        BadText{"ParamKeyAbsurd", Graph("1 1", "Input a 0 1 b 32=1\n"), "a key from 0 to 31"},
        BadText{"ParamKeySmallest", Graph("1 1", "Input a 0 1 b -2147483648=1\n"), "a key from"},
        BadText{"ParamTwice", Graph("1 1", "Input a 0 1 b 0=1 0=2\n"), "given twice"},
        BadText{"ParamNotANumber", Graph("1 1", "Input a 0 1 b 0=x\n"), "expected a number"},
        BadText{"ParamInfinite", Graph("1 1", "Input a 0 1 b 0=inf\n"), "expected a number"},
        BadText{"ArrayTooShort", Graph("1 1", "Input a 0 1 b -23301=3,1,2\n"), "expected a number"},
        BadText{"ArrayTooLong", Graph("1 1", "Input a 0 1 b -23301=1,1,2\n"), "expected a number"},
        BadText{"ArrayAbsurd", Graph("1 1", "Input a 0 1 b -23301=2000000000,1\n"),
                "expected a number"},
        BadText{"TooLong", std::string(kNcnnParamBytesMax + 1, ' '), "expected at most"}),
    [](const auto& test) { return test.param.name; });

TEST(NcnnParamTest, EveryCutOfAGoodFileIsRefused) {
  const std::string text = MakeSrvgg(1).Param();
  ASSERT_TRUE(ParseNcnnParam(text, "a").ok());
  for (size_t size = 0; size + 60 < text.size(); ++size) {
    EXPECT_FALSE(ParseNcnnParam(text.substr(0, size), "a").ok()) << size;
  }
}

TEST(NcnnParamTest, TokensAreMadePrintableAndCut) {
  EXPECT_EQ(QuoteToken("a\x1b[31m\n"), "\"a?[31m?\"");
  EXPECT_EQ(QuoteToken(std::string(100, 'x')), "\"" + std::string(40, 'x') + "...\"");
}

}  // namespace
}  // namespace octoscale
