#include "models/ncnn_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "models/testing/synthetic_model.h"

namespace octoscale {
namespace {

using test::SyntheticModel;
using testing::HasSubstr;

// Two tiny convolutions, one with slopes; an odd count of fp16 weights, so that padding matters.
const std::vector<ConvLayout> kLayouts = {{"conv_a", 3, 1, "prelu_a"}, {"conv_b", 1, 2, ""}};

std::string Bytes(bool fp16) {
  SyntheticModel model;
  model.convs = {{3, 1, true}, {1, 2, false}};
  return model.Bin(fp16);
}

TEST(NcnnWeightsTest, BothFormatsGiveTheSameWeights) {
  const auto half = ReadNcnnWeights(kLayouts, Bytes(true), "half.bin");
  const auto full = ReadNcnnWeights(kLayouts, Bytes(false), "full.bin");
  ASSERT_TRUE(half.ok()) << half.status().message();
  ASSERT_TRUE(full.ok()) << full.status().message();
  ASSERT_EQ(half->size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ((*half)[i].weight, (*full)[i].weight);
    EXPECT_EQ((*half)[i].bias, (*full)[i].bias);
    EXPECT_EQ((*half)[i].slope, (*full)[i].slope);
  }
  EXPECT_EQ((*half)[0].weight.size(), 27u);
  EXPECT_EQ((*half)[0].slope.size(), 1u);
  EXPECT_EQ((*half)[1].bias.size(), 2u);
  EXPECT_TRUE((*half)[1].slope.empty());
}

TEST(NcnnWeightsTest, PossibleSizesAreThoseOfBothFormats) {
  const WeightFileSize size = PossibleWeightFileSize(kLayouts);
  EXPECT_EQ(size.bytes_min, Bytes(true).size());
  EXPECT_EQ(size.bytes_max, Bytes(false).size());
}

TEST(NcnnWeightsTest, EveryTruncationNamesTheLayer) {
  for (const bool fp16 : {true, false}) {
    const std::string bytes = Bytes(fp16);
    for (size_t size = 0; size < bytes.size(); ++size) {
      const Status status = ReadNcnnWeights(kLayouts, bytes.substr(0, size), "cut.bin").status();
      ASSERT_EQ(status.code(), StatusCode::kCorruptInput) << size;
      EXPECT_THAT(status.message(), HasSubstr("cut.bin: layer \""));
      EXPECT_THAT(status.message(), HasSubstr("truncated"));
    }
  }
}

TEST(NcnnWeightsTest, BytesLeftOverAreRefused) {
  const Status status = ReadNcnnWeights(kLayouts, Bytes(true) + "xy", "long.bin").status();
  EXPECT_EQ(status.code(), StatusCode::kCorruptInput);
  EXPECT_THAT(status.message(), HasSubstr("found 2 bytes more"));
}

TEST(NcnnWeightsTest, UnknownTagIsRefused) {
  std::string bytes = Bytes(true);
  bytes.replace(0, 4, std::string("\x38\x4B\x0D\x00", 4));  // ncnn's int8
  const Status status = ReadNcnnWeights(kLayouts, bytes, "int8.bin").status();
  EXPECT_EQ(status.code(), StatusCode::kCorruptInput);
  EXPECT_THAT(status.message(), HasSubstr("layer \"conv_a\""));
  EXPECT_THAT(status.message(), HasSubstr("found 0x000D4B38"));
}

TEST(NcnnWeightsTest, ValuesThatAreNotFiniteNameTheirPlace) {
  std::string half = Bytes(true);
  half.replace(4 + 2 * 5, 2, std::string("\x00\x7C", 2));
  Status status = ReadNcnnWeights(kLayouts, half, "inf.bin").status();
  EXPECT_EQ(status.code(), StatusCode::kCorruptInput);
  EXPECT_THAT(status.message(), HasSubstr("\"conv_a\": expected finite weights, found infinity at "
                                          "index 5"));
  // tag, 27 weights, 1 bias: then the slope.
  std::string full = Bytes(false);
  full.replace(4 + 28 * 4, 4, std::string("\x00\x00\xC0\x7F", 4));
  status = ReadNcnnWeights(kLayouts, full, "nan.bin").status();
  EXPECT_EQ(status.code(), StatusCode::kCorruptInput);
  EXPECT_THAT(status.message(), HasSubstr("\"prelu_a\": expected finite slopes, found NaN"));
}

}  // namespace
}  // namespace octoscale
