#include "engine/engine.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

#include "base/testing/environment.h"
#include "engine/engine_testing.h"
#include "kernels/conv3x3/conv3x3.h"

namespace octoscale {
namespace {

std::unique_ptr<Engine> MakeEngine(const NetworkWeights& network, const EngineOptions& options) {
  auto engine = Engine::Create(network, options);
  EXPECT_TRUE(engine.ok()) << engine.status().message();
  return std::move(engine).value();
}

std::vector<Frame> TestFrames() {
  std::vector<Frame> frames;
  for (uint32_t i = 0; i < 2; ++i) frames.push_back(RandomFrame({150, 9}, i));
  frames.push_back(RandomFrame({33, 18}, 7));
  frames.push_back(RandomFrame({170, 41}, 3));  // several tiles each way
  frames.push_back(RandomFrame({1, 1}, 8));
  frames.push_back(RandomFrame({2, 5}, 9, SampleType::kU16));
  return frames;
}

// Few pixels: the scalar level is slow.
std::vector<Frame> SmallFrames() {
  std::vector<Frame> frames;
  frames.push_back(RandomFrame({21, 6}, 5));
  frames.push_back(RandomFrame({3, 5}, 6, SampleType::kU16));
  return frames;
}

struct ForcedLevel : test::ScopedEnvironment {
  explicit ForcedLevel(CpuLevel level)
      : ScopedEnvironment("OCTOSCALE_CPU", std::string(CpuLevelName(level)).c_str()) {}
};

class BitIdentityTest : public ::testing::TestWithParam<std::tuple<NetworkKind, Precision, int>> {};

TEST_P(BitIdentityTest, AnyBatchPatchAndThreadsGiveTheSamePixels) {
  const auto [kind, precision, scale] = GetParam();
  const NetworkWeights network =
      kind == NetworkKind::kSrvggCompact ? RandomSrvgg(2) : RandomRrdb(1);
  const std::vector<Frame> frames = TestFrames();
  EngineOptions options{.scale = scale, .batch_size = 1, .precision = precision, .threads = 1};
  const auto expected = MakeEngine(network, options)->PredictBatch(frames);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  for (const auto& [batch, patch, threads] :
       {std::tuple{8, 0, 2}, {2, 64, 3}, {3, 1, 1}, {1024, 7, 7}, {8, 32768, 2}}) {
    options.batch_size = batch;
    options.patch_size = patch;
    options.threads = threads;
    const auto found = MakeEngine(network, options)->PredictBatch(frames);
    ASSERT_TRUE(found.ok()) << found.status().message();
    ASSERT_EQ(found->size(), frames.size());
    for (size_t i = 0; i < frames.size(); ++i) {
      EXPECT_EQ((*found)[i].width(), frames[i].width() * scale);
      EXPECT_EQ((*found)[i].sample_type(), frames[i].sample_type());
      EXPECT_TRUE((*found)[i].SamePixels((*expected)[i]))
          << "frame " << i << " batch " << batch << " patch " << patch << " threads " << threads;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Networks, BitIdentityTest,
    ::testing::Combine(::testing::Values(NetworkKind::kSrvggCompact, NetworkKind::kRrdb),
                       ::testing::Values(Precision::kFp32, Precision::kBf16, Precision::kInt16),
                       ::testing::Values(2, 3, 4)));

TEST(EngineTest, CpuLevelsAgreeBitForBitInFp32AndInt16) {
  const std::vector<Frame> frames = SmallFrames();
  for (const NetworkWeights& network : {RandomSrvgg(2), RandomRrdb(1)}) {
    for (Precision precision : {Precision::kFp32, Precision::kInt16}) {
      std::vector<Frame> expected;
      for (CpuLevel level : AvailableCpuLevels()) {
        const ForcedLevel forced(level);
        const auto engine = MakeEngine(network, {.scale = 3, .precision = precision, .threads = 2});
        EXPECT_EQ(engine->cpu_level(), level);
        auto found = engine->PredictBatch(frames);
        ASSERT_TRUE(found.ok());
        if (expected.empty()) expected = std::move(found).value();
        for (size_t i = 0; found.ok() && i < found->size(); ++i) {
          EXPECT_TRUE((*found)[i].SamePixels(expected[i])) << CpuLevelName(level);
        }
      }
    }
  }
}

TEST(EngineTest, ForcedLevelIsTheOneThatRuns) {
  for (CpuLevel level : AvailableCpuLevels()) {
    const ForcedLevel forced(level);
    for (Precision precision : {Precision::kFp32, Precision::kBf16, Precision::kInt16}) {
      std::vector<uint64_t> before;
      for (const auto& kernel : kernels::ConvKernels()) before.push_back(ConvKernelRuns(kernel));
      const auto engine = MakeEngine(RandomSrvgg(1), {.precision = precision, .threads = 1});
      const std::vector<Frame> frames = SmallFrames();
      ASSERT_TRUE(engine->PredictBatch(frames).ok());
      for (size_t i = 0; i < before.size(); ++i) {
        const auto& kernel = kernels::ConvKernels()[i];
        const bool expected = kernel.name == engine->conv_kernel();
        EXPECT_EQ(ConvKernelRuns(kernel) > before[i], expected) << kernel.name;
        EXPECT_TRUE(!expected || kernel.level <= level) << kernel.name;
      }
    }
  }
}

TEST(EngineTest, OptionsOutOfRangeAreRefusedByName) {
  const NetworkWeights network = RandomSrvgg(1);
  for (const auto& [options, word] : {std::pair{EngineOptions{.scale = 5}, "scale"},
                                      {EngineOptions{.batch_size = 0}, "batch size"},
                                      {EngineOptions{.batch_size = 10000}, "batch size"},
                                      {EngineOptions{.patch_size = -1}, "patch size"},
                                      {EngineOptions{.patch_size = 100000}, "patch size"},
                                      {EngineOptions{.threads = 5000}, "thread count"}}) {
    const Status status = Engine::Create(network, options).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(word), std::string::npos) << status.message();
  }
}

TEST(EngineTest, DamagedWeightsAreRefusedByConvolution) {
  NetworkWeights network = RandomSrvgg(2);
  network.convs[2].weight[5] = std::numeric_limits<float>::infinity();
  Status status = Engine::Create(network, {}).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("convolution 2"), std::string::npos) << status.message();

  network = RandomSrvgg(2);
  network.convs.pop_back();
  EXPECT_EQ(Engine::Create(network, {}).status().code(), StatusCode::kInvalidArgument);
  network = RandomSrvgg(2);
  network.convs[1].in_channels = 32;
  EXPECT_EQ(Engine::Create(network, {}).status().code(), StatusCode::kInvalidArgument);
}

// Activations beyond fp16 turn to infinity; the frame is then computed in fp32.
TEST(EngineTest, OverflowIsRecomputedInFp32) {
  NetworkWeights network = RandomSrvgg(2);
  for (float& w : network.convs[1].weight) w *= 1e6f;
  for (float& w : network.convs[2].weight) w *= 1e-6f;
  const std::vector<Frame> frames = TestFrames();
  const auto fp32 =
      MakeEngine(network, {.precision = Precision::kFp32, .threads = 2})->PredictBatch(frames);
  const auto int16 =
      MakeEngine(network, {.precision = Precision::kInt16, .threads = 2})->PredictBatch(frames);
  ASSERT_TRUE(fp32.ok() && int16.ok()) << int16.status().message();
  for (size_t i = 0; i < frames.size(); ++i) EXPECT_TRUE((*int16)[i].SamePixels((*fp32)[i]));
}

TEST(EngineTest, OutputThatStaysNotFiniteFailsByFrame) {
  NetworkWeights network = RandomSrvgg(2);
  for (int i = 1; i < 3; ++i) {
    for (float& w : network.convs[i].weight) w *= 1e30f;
  }
  const std::vector<Frame> frames = TestFrames();
  for (Precision precision : {Precision::kFp32, Precision::kBf16, Precision::kInt16}) {
    const auto result =
        MakeEngine(network, {.precision = precision, .threads = 2})->PredictBatch(frames);
    EXPECT_EQ(result.status().code(), StatusCode::kInternal);
    EXPECT_NE(result.status().message().find("frame 0"), std::string::npos);
  }
}

TEST(EngineTest, BlackOutputOfABrightFrameFails) {
  NetworkWeights network = RandomSrvgg(1);
  for (float& b : network.convs.back().bias) b = -100;
  const std::vector<Frame> frames = TestFrames();
  const auto result = MakeEngine(network, {.threads = 2})->PredictBatch(frames);
  EXPECT_EQ(result.status().code(), StatusCode::kInternal);
  EXPECT_NE(result.status().message().find("black"), std::string::npos);
}

// A dark half may come out black; what tiles there are must not decide whether that is an error.
TEST(EngineTest, BlackPartsAreNoErrorHoweverTheFrameIsCut) {
  NetworkWeights network = RandomSrvgg(1);
  for (float& w : network.convs.back().weight) w = 0;
  for (float& b : network.convs.back().bias) b = -0.2f;  // output = input - 0.2
  const FrameSize size{256, 16};
  Frame frame(size, SampleType::kU8);
  for (int p = 0; p < Frame::kPlanes; ++p) {
    for (int y = 0; y < size.height; ++y) {
      for (int x = 0; x < size.width; ++x) frame.row(p, y)[x] = x < 128 ? 40 : 200;
    }
  }
  std::vector<Frame> expected;
  for (const int patch : {16, 64, 32768}) {
    for (const int threads : {1, 2}) {
      auto result = MakeEngine(network, {.patch_size = patch, .threads = threads})
                        ->PredictBatch(std::span(&frame, 1));
      ASSERT_TRUE(result.ok()) << patch << " " << result.status().message();
      if (expected.empty())
        expected = *std::move(result);
      else
        EXPECT_TRUE((*result)[0].SamePixels(expected[0])) << patch;
    }
  }
  EXPECT_EQ(expected[0].row(0, 0)[0], 0);
  EXPECT_EQ(expected[0].row(0, 0)[1023], 149);
}

TEST(EngineTest, CancelledBatchReturnsNoFrame) {
  const auto engine = MakeEngine(RandomSrvgg(1), {.threads = 2});
  CancelToken cancel;
  cancel.Cancel();
  const std::vector<Frame> frames = TestFrames();
  EXPECT_EQ(engine->PredictBatch(frames, cancel).status().code(), StatusCode::kCancelled);
  EXPECT_TRUE(engine->PredictBatch(frames).ok());
}

TEST(EngineTest, RoundedOutputIsTheUnroundedOneRoundedHalfUp) {
  const auto engine = MakeEngine(RandomSrvgg(2), {.scale = 2, .threads = 2});
  const Frame frame = RandomFrame({19, 11}, 4);
  const auto unrounded = engine->PredictUnrounded(frame);
  const auto rounded = engine->PredictBatch(std::span(&frame, 1));
  ASSERT_TRUE(unrounded.ok() && rounded.ok());
  for (int y = 0; y < 22; ++y) {
    for (int x = 0; x < 38; ++x) {
      for (int p = 0; p < 3; ++p) {
        const float value = (*unrounded)[(static_cast<size_t>(y) * 38 + x) * 3 + p] * 255.f + 0.5f;
        const int expected = std::min(255, static_cast<int>(std::max(0.f, value)));
        EXPECT_EQ((*rounded)[0].row(p, y)[x], expected);
      }
    }
  }
}

TEST(EngineTest, EmptyBatchIsEmpty) {
  const auto result = MakeEngine(RandomSrvgg(1), {.threads = 1})->PredictBatch({});
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->empty());
}

TEST(EngineTest, PrecisionNamesParseBack) {
  for (Precision p : {Precision::kAuto, Precision::kFp32, Precision::kBf16, Precision::kInt16}) {
    EXPECT_EQ(*ParsePrecision(PrecisionName(p)), p);
  }
  EXPECT_EQ(ParsePrecision("fp8").status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace octoscale
