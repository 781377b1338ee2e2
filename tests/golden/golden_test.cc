// The engine against an independent PyTorch run of the same weights, every precision of this CPU.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "image/image.h"
#include "models/ncnn_loader.h"

namespace octoscale {
namespace {

const std::string kDirectory = OCTOSCALE_GOLDEN_DIR "/";

struct Golden {
  std::string model;
  int scale = 0;
  std::string input, output, floats;
};

std::vector<Golden> Goldens(const std::string& model, int scale) {
  std::vector<Golden> goldens;
  std::ifstream file(kDirectory + "index.txt");
  for (std::string line; std::getline(file, line);) {
    Golden golden;
    std::istringstream words(line);
    if (line.empty() || line[0] == '#') continue;
    words >> golden.model >> golden.scale >> golden.input >> golden.output >> golden.floats;
    if (golden.model == model && golden.scale == scale) goldens.push_back(golden);
  }
  return goldens;
}

Frame ReadFrame(const std::string& name) {
  Result<Image> image = ReadImageFile(kDirectory + name);
  EXPECT_TRUE(image.ok()) << image.status().message();
  return std::move(image->frame);
}

std::vector<float> ReadFloats(const std::string& name) {
  std::ifstream file(kDirectory + name, std::ios::binary | std::ios::ate);
  std::vector<float> values(static_cast<size_t>(file.tellg()) / sizeof(float));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(float)));
  return values;
}

double Psnr(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += difference * difference;
  }
  return sum == 0 ? 200 : -10 * std::log10(sum / static_cast<double>(a.size()));
}

int WorstLevel(const Frame& a, const Frame& b) {
  EXPECT_EQ(a.size(), b.size());
  int worst = 0;
  for (int p = 0; p < Frame::kPlanes; ++p) {
    for (int y = 0; y < a.height(); ++y) {
      for (int x = 0; x < a.width(); ++x) {
        worst = std::max(worst, std::abs(a.row(p, y)[x] - b.row(p, y)[x]));
      }
    }
  }
  return worst;
}

struct ModelScale {
  const char* model;
  int scale;
  double int16_min_db;
};

class GoldenTest : public ::testing::TestWithParam<ModelScale> {
 protected:
  void SetUp() override {
    Result<LoadedModel> model = LoadModel(GetParam().model, GetParam().scale);
    const char* required = std::getenv("OCTOSCALE_REQUIRE_MODELS");
    if (model.status().code() == StatusCode::kNotFound &&
        (required == nullptr || std::string_view(required) != "1")) {
      GTEST_SKIP() << model.status().message();
    }
    ASSERT_TRUE(model.ok()) << model.status().message();
    model_ = std::move(model).value();
    goldens_ = Goldens(GetParam().model, GetParam().scale);
    ASSERT_FALSE(goldens_.empty());
  }

  std::unique_ptr<Engine> MakeEngine(Precision precision) {
    auto engine =
        Engine::Create(model_.weights, {.scale = GetParam().scale, .precision = precision});
    EXPECT_TRUE(engine.ok()) << engine.status().message();
    return std::move(engine).value();
  }

  // The lowest PSNR of the unrounded output against our own fp32 on any crop.
  double WorstPsnr(Precision precision) {
    const auto fp32 = MakeEngine(Precision::kFp32);
    const auto engine = MakeEngine(precision);
    double worst = 200;
    for (const Golden& golden : goldens_) {
      const Frame input = ReadFrame(golden.input);
      const double db =
          Psnr(engine->PredictUnrounded(input).value(), fp32->PredictUnrounded(input).value());
      RecordProperty(golden.input, std::to_string(db));
      std::printf("%s x%d %s %s: %.1f dB\n", golden.model.c_str(), golden.scale,
                  std::string(PrecisionName(precision)).c_str(), golden.input.c_str(), db);
      worst = std::min(worst, db);
    }
    return worst;
  }

  LoadedModel model_;
  std::vector<Golden> goldens_;
};

TEST_P(GoldenTest, Fp32IsWithinOneLevelAnd90Decibels) {
  const auto engine = MakeEngine(Precision::kFp32);
  int float_goldens = 0;
  for (const Golden& golden : goldens_) {
    const Frame input = ReadFrame(golden.input);
    const auto output = engine->PredictBatch(std::span(&input, 1));
    ASSERT_TRUE(output.ok()) << output.status().message();
    EXPECT_LE(WorstLevel((*output)[0], ReadFrame(golden.output)), 1) << golden.output;
    if (golden.floats == "-") continue;
    ++float_goldens;
    const double db = Psnr(engine->PredictUnrounded(input).value(), ReadFloats(golden.floats));
    EXPECT_GE(db, 90) << golden.floats;
  }
  EXPECT_GE(float_goldens, 1);
}

TEST_P(GoldenTest, Bf16IsWithin54DecibelsOfFp32) { EXPECT_GE(WorstPsnr(Precision::kBf16), 54); }

TEST_P(GoldenTest, Int16IsCloseToFp32) {
  EXPECT_GE(WorstPsnr(Precision::kInt16), GetParam().int16_min_db);
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenTest,
                         ::testing::Values(ModelScale{"realesr-animevideov3", 2, 62},
                                           ModelScale{"realesr-animevideov3", 3, 62},
                                           ModelScale{"realesr-animevideov3", 4, 62},
                                           ModelScale{"realesr-general-x4v3", 4, 62},
                                           ModelScale{"realesrgan-x4plus-anime", 4, 57},
                                           ModelScale{"realesrgan-x4plus", 4, 57}),
                         [](const auto& test) {
                           std::string name = std::string(test.param.model) + "_x" +
                                              std::to_string(test.param.scale);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace octoscale
