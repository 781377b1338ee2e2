#include "models/ncnn_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/testing/environment.h"
#include "models/file_io.h"
#include "models/ncnn_param.h"
#include "models/testing/synthetic_model.h"

namespace octoscale {
namespace {

using test::MakeRrdb;
using test::MakeSrvgg;
using test::SyntheticModel;
using testing::AllOf;
using testing::HasSubstr;

// A manifest entry for the files of `model`, named tiny.param and tiny.bin.
ModelEntry Entry(const SyntheticModel& model) {
  const std::string param = model.Param();
  const std::string bin = model.Bin(true);
  ModelEntry entry;
  entry.name = "tiny";
  entry.kind = NetworkKind::kSrvggCompact;
  entry.blocks = 1;
  entry.graphs = {{2,
                   {"tiny.param", param.size(), Sha256Hex(param), ""},
                   {"tiny.bin", bin.size(), Sha256Hex(bin), ""}}};
  return entry;
}

TEST(NcnnLoaderTest, LoadsSrvggFromFiles) {
  const TempDir dir;
  const SyntheticModel model = MakeSrvgg(1, 3);
  const std::string bin = model.Bin(true);
  const Result<LoadedModel> loaded =
      LoadNcnnModel(dir.Write("tiny.param", model.Param()), dir.Write("tiny.bin", bin));
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(loaded->weights.model, "tiny");
  EXPECT_EQ(loaded->weights.kind, NetworkKind::kSrvggCompact);
  EXPECT_EQ(loaded->weights.blocks, 1);
  EXPECT_EQ(loaded->graph_scale, 3);
  ASSERT_EQ(loaded->weights.convs.size(), 3u);
  EXPECT_EQ(loaded->weights.convs[1].weight.size(), 64u * 64 * 9);
  EXPECT_EQ(loaded->weights.convs[1].slope.size(), 64u);
}

TEST(NcnnLoaderTest, LoadsRrdbWithFloatWeights) {
  const SyntheticModel model = MakeRrdb(1);
  const std::string param = model.Param();
  const std::string bin = model.Bin(false);
  const Result<LoadedModel> loaded = LoadNcnnModelFromMemory({param, bin, "p.param", "p.bin"});
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(loaded->weights.kind, NetworkKind::kRrdb);
  EXPECT_EQ(loaded->weights.convs.size(), 21u);
  EXPECT_EQ(loaded->graph_scale, 4);
}

TEST(NcnnLoaderTest, WeightFileOfAnotherSizeIsRefusedBeforeItIsRead) {
  const TempDir dir;
  const SyntheticModel model = MakeSrvgg(1);
  const auto param = dir.Write("tiny.param", model.Param());
  const std::string bin = model.Bin(true);
  for (const std::string& bytes : {bin.substr(0, bin.size() - 1), std::string(),
                                   model.Bin(false) + "x", MakeSrvgg(3).Bin(false)}) {
    const Status status = LoadNcnnModel(param, dir.Write("tiny.bin", bytes)).status();
    EXPECT_EQ(status.code(), StatusCode::kCorruptInput);
    EXPECT_THAT(status.message(),
                AllOf(HasSubstr("tiny.bin: expected " + std::to_string(bin.size()) + " bytes"),
                      HasSubstr("found " + std::to_string(bytes.size()))));
  }
  // 8 TiB, without a byte on the disk.
  const auto huge = dir.Write("huge.bin", "");
  std::error_code error;
  std::filesystem::resize_file(huge, uint64_t{1} << 43, error);
  if (!error) {
    EXPECT_EQ(LoadNcnnModel(param, huge).status().code(), StatusCode::kCorruptInput);
  }
}

TEST(NcnnLoaderTest, PathsThatAreNoRegularFilesAreRefused) {
  const TempDir dir;
  const auto param = dir.Write("tiny.param", MakeSrvgg(1).Param());
  EXPECT_EQ(LoadNcnnModel(dir.path() / "none.param", param).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(LoadNcnnModel(param, dir.path() / "none.bin").status().code(), StatusCode::kNotFound);
  EXPECT_THAT(LoadNcnnModel(dir.path(), param).status().message(), HasSubstr("a directory"));
  EXPECT_THAT(LoadNcnnModel(param, "/dev/zero").status().message(), HasSubstr("device"));
  const auto pipe = dir.path() / "pipe.param";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(LoadNcnnModel(pipe, param).status().code(), StatusCode::kInvalidArgument);
}

TEST(NcnnLoaderTest, OversizedParamFileIsRefused) {
  const TempDir dir;
  const auto param = dir.Write("big.param", std::string(kNcnnParamBytesMax + 1, 'x'));
  const Status status = LoadNcnnModel(param, param).status();
  EXPECT_EQ(status.code(), StatusCode::kCorruptInput);
  EXPECT_THAT(status.message(), HasSubstr("expected at most"));
}

TEST(ManifestModelTest, LoadsFilesWithTheManifestsHash) {
  const TempDir dir;
  const SyntheticModel model = MakeSrvgg(1, 2);
  dir.Write("tiny.param", model.Param());
  dir.Write("tiny.bin", model.Bin(true));
  const Result<LoadedModel> loaded = LoadManifestModel(Entry(model), 2, {dir.path()});
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(loaded->weights.model, "tiny");
  EXPECT_EQ(loaded->graph_scale, 2);
}

TEST(ManifestModelTest, FlippedByteOfEitherFileSaysHowToRepair) {
  const SyntheticModel model = MakeSrvgg(1, 2);
  for (const std::string name : {"tiny.param", "tiny.bin"}) {
    const TempDir dir;
    dir.Write("tiny.param", model.Param());
    dir.Write("tiny.bin", model.Bin(true));
    std::string bytes = test::ReadText(dir.path() / name);
    bytes[bytes.size() / 2] ^= 1;
    dir.Write(name, bytes);
    const Status status = LoadManifestModel(Entry(model), 2, {dir.path()}).status();
    EXPECT_EQ(status.code(), StatusCode::kCorruptInput);
    EXPECT_THAT(status.message(), AllOf(HasSubstr(name), HasSubstr("expected SHA-256"),
                                        HasSubstr("octoscale models install")));
  }
}

TEST(ManifestModelTest, TruncatedFileSaysHowToRepair) {
  const TempDir dir;
  const SyntheticModel model = MakeSrvgg(1, 2);
  dir.Write("tiny.param", model.Param());
  dir.Write("tiny.bin", model.Bin(true).substr(0, 1000));
  const Status status = LoadManifestModel(Entry(model), 2, {dir.path()}).status();
  EXPECT_EQ(status.code(), StatusCode::kCorruptInput);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr("found 1000"), HasSubstr("octoscale models install")));
}

TEST(ManifestModelTest, ManifestThatNamesAnotherNetworkIsOurDefect) {
  const TempDir dir;
  const SyntheticModel model = MakeSrvgg(1, 2);
  dir.Write("tiny.param", model.Param());
  dir.Write("tiny.bin", model.Bin(true));
  ModelEntry entry = Entry(model);
  entry.blocks = 2;
  EXPECT_EQ(LoadManifestModel(entry, 2, {dir.path()}).status().code(), StatusCode::kInternal);
}

TEST(ManifestModelTest, UnknownNameScaleAndMissingFilesDiffer) {
  const TempDir dir;
  EXPECT_EQ(LoadModel("nonsense", 4, dir.path()).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(LoadModel("realesrgan-x4plus", 2, dir.path()).status().code(),
            StatusCode::kInvalidArgument);
  const Status status = LoadManifestModel(Manifest()[0], 2, {dir.path()}).status();
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_THAT(status.message(), AllOf(HasSubstr(dir.path().string()),
                                      HasSubstr("octoscale models install realesr-animevideov3")));
}

}  // namespace
}  // namespace octoscale
