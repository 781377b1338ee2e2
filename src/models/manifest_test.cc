#include "models/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace octoscale {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(ManifestTest, NamesAndAliasesAreUnique) {
  std::set<std::string> names;
  for (const ModelEntry& entry : Manifest()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    for (const std::string& alias : entry.aliases) {
      EXPECT_TRUE(names.insert(alias).second) << alias;
      EXPECT_EQ(*FindManifestEntry(alias), &entry);
    }
  }
}

TEST(ManifestTest, EveryFileIsPinned) {
  std::set<std::string> files;
  for (const ModelEntry& entry : Manifest()) {
    EXPECT_EQ(entry.license, "BSD-3-Clause");
    EXPECT_GT(entry.package.tarball_bytes, 0u);
    for (const ModelGraph& graph : entry.graphs) {
      for (const ModelFile* file : {&graph.param, &graph.bin}) {
        EXPECT_TRUE(files.insert(file->name).second) << file->name;
        EXPECT_GT(file->size_bytes, 0u);
        EXPECT_EQ(file->sha256.size(), 64u);
        EXPECT_EQ(file->package_member.rfind("package/", 0), 0u);
      }
    }
  }
  EXPECT_EQ(files.size(), 12u);
}

TEST(ManifestTest, AllScalesOfAnimeVideoHoldTheSameWeights) {
  const Result<const ModelEntry*> entry = FindManifestEntry("realesr-animevideov3");
  ASSERT_TRUE(entry.ok());
  EXPECT_EQ(ScaleList(**entry), "2, 3, 4");
  for (const ModelGraph& graph : (*entry)->graphs) {
    EXPECT_EQ(graph.bin.sha256, (*entry)->graphs[0].bin.sha256);
  }
}

TEST(ManifestTest, NamesOfVideo2xAndUpscaylAreUnderstood) {
  EXPECT_EQ((*FindManifestEntry("realesrgan-plus"))->name, "realesrgan-x4plus");
  EXPECT_EQ((*FindManifestEntry("realesrgan-plus-anime"))->name, "realesrgan-x4plus-anime");
  EXPECT_EQ((*FindManifestEntry("realesr-generalv3"))->name, "realesr-general-x4v3");
  EXPECT_EQ((*FindManifestEntry("realesrgan-x4fast"))->name, "realesr-general-x4v3");
  EXPECT_EQ((*FindManifestEntry("RealESRGAN_x4plus_anime_6B"))->name, "realesrgan-x4plus-anime");
}

TEST(ManifestTest, UnknownNameListsModelsAndTheClosest) {
  const Status close = FindManifestEntry("realesr-animevideov2").status();
  EXPECT_EQ(close.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(close.message(), AllOf(HasSubstr("realesrgan-x4plus-anime"),
                                     HasSubstr("did you mean realesr-animevideov3?")));
  const Status far = FindManifestEntry("waifu").status();
  EXPECT_EQ(far.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(far.message(), AllOf(HasSubstr("realesr-animevideov3"), Not(HasSubstr("mean"))));
  EXPECT_FALSE(FindManifestEntry("").ok());
  EXPECT_LT(FindManifestEntry(std::string(1 << 20, 'x')).status().message().size(), 500u);
}

TEST(ManifestTest, MissingScaleListsTheModelsScales) {
  const Status status = GraphOfScale(**FindManifestEntry("realesrgan-plus"), 2).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("realesrgan-x4plus has no scale 2: expected one of 4"));
}

}  // namespace
}  // namespace octoscale
