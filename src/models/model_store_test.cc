#include "models/model_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/environment.h"
#include "models/file_io.h"

namespace octoscale {
namespace {

namespace fs = std::filesystem;
using test::ScopedEnvironment;
using testing::ElementsAre;
using testing::HasSubstr;

ModelEntry Entry() {
  ModelEntry entry;
  entry.name = "tiny";
  entry.graphs = {
      {4, {"tiny.param", 3, Sha256Hex("abc"), ""}, {"tiny.bin", 2, Sha256Hex("de"), ""}}};
  return entry;
}

TEST(FileTest, Sha256MatchesTheStandardsExample) {
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(ModelStoreTest, SearchesOptionEnvironmentDataHomeThenSystem) {
  const ScopedEnvironment models("OCTOSCALE_MODELS", "/m");
  const ScopedEnvironment data("XDG_DATA_HOME", "/x");
  const ScopedEnvironment home("HOME", "/h");
  EXPECT_THAT(ModelSearchPath("/o"),
              ElementsAre("/o", "/m", "/x/octoscale/models", "/usr/share/octoscale/models"));
  EXPECT_EQ(*ModelInstallDirectory("/o"), "/o");
  EXPECT_EQ(*ModelInstallDirectory(), "/m");
}

TEST(ModelStoreTest, UnsetEmptyAndRelativeVariablesAreLeftOut) {
  const ScopedEnvironment models("OCTOSCALE_MODELS", "");
  const ScopedEnvironment data("XDG_DATA_HOME", "relative");
  const ScopedEnvironment home("HOME", "/h");
  EXPECT_THAT(ModelSearchPath(),
              ElementsAre("/h/.local/share/octoscale/models", "/usr/share/octoscale/models"));
  const ScopedEnvironment no_home("HOME", nullptr);
  EXPECT_THAT(ModelSearchPath(), ElementsAre("/usr/share/octoscale/models"));
  EXPECT_EQ(ModelInstallDirectory().status().code(), StatusCode::kInvalidArgument);
}

TEST(ModelStoreTest, FirstDirectoryWithTheModelWins) {
  const TempDir first;
  const TempDir second;
  second.Write("tiny.param", "abc");
  second.Write("tiny.bin", "de");
  const std::vector<fs::path> path = {first.path(), second.path()};
  EXPECT_EQ(FindModel(Entry(), 4, path)->param, second.path() / "tiny.param");
  first.Write("tiny.bin", "de");
  const Status half = FindModel(Entry(), 4, path).status();
  EXPECT_EQ(half.code(), StatusCode::kNotFound);
  EXPECT_THAT(half.message(), HasSubstr("tiny.param: missing beside tiny.bin"));
  first.Write("tiny.param", "abc");
  EXPECT_EQ(FindModel(Entry(), 4, path)->bin, first.path() / "tiny.bin");
}

TEST(ModelStoreTest, VerifyTellsValidMissingAndCorruptApart) {
  const TempDir dir;
  dir.Write("tiny.param", "abc");
  std::vector<FileCheck> checks = VerifyModel(Entry(), {dir.path()});
  ASSERT_EQ(checks.size(), 2u);
  EXPECT_EQ(checks[0].state, FileState::kValid);
  EXPECT_EQ(checks[0].path, dir.path() / "tiny.param");
  EXPECT_EQ(checks[1].state, FileState::kMissing);
  EXPECT_THAT(checks[1].message, HasSubstr("octoscale models install tiny"));
  dir.Write("tiny.bin", "dE");
  checks = VerifyModel(Entry(), {dir.path()});
  EXPECT_EQ(checks[1].state, FileState::kCorrupt);
  EXPECT_THAT(checks[1].message, HasSubstr("expected SHA-256"));
  dir.Write("tiny.bin", "def");
  EXPECT_THAT(VerifyModel(Entry(), {dir.path()})[1].message,
              HasSubstr("expected 2 bytes, found 3"));
}

TEST(ModelStoreTest, ListsEveryModelOfTheManifest) {
  const TempDir dir;
  dir.Write("realesr-animevideov3-x3.param", "");
  dir.Write("realesr-animevideov3-x3.bin", "");
  const std::vector<ModelListing> listings = ListModels({dir.path()});
  ASSERT_EQ(listings.size(), Manifest().size());
  EXPECT_THAT(listings[0].scales_installed, ElementsAre(3));
  EXPECT_EQ(listings[0].directory, dir.path());
  EXPECT_TRUE(listings[1].scales_installed.empty());
  EXPECT_TRUE(listings[1].directory.empty());
}

}  // namespace
}  // namespace octoscale
