#include "vidaio/shared_volume.h"

#include <filesystem>

#include "base/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octoscale {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class SharedVolumeTest : public ::testing::Test {
 protected:
  SharedVolumeTest() : volume_(*SharedVolume::Open(dir_ / "volume")) {
    fs::create_directories(dir_ / "volume/sub");
    fs::create_directories(volume_.work_folder());
    dir_.Write("volume/a.mp4", "x");
    dir_.Write("volume/sub/b.mp4", "x");
    dir_.Write("secret.mp4", "x");
    fs::create_directories(dir_ / "volume-2");
    dir_.Write("volume-2/c.mp4", "x");
  }
  std::string InputError(const std::string& path) {
    const auto found = volume_.FindInput(path);
    if (found.ok()) return "found " + *found;
    EXPECT_EQ(found.status().code(), StatusCode::kInvalidArgument);
    return found.status().message();
  }
  std::string OutputError(const std::string& path) {
    const auto found = volume_.PlaceOutput(path);
    return found.ok() ? "found " + *found : found.status().message();
  }

  TempDir dir_;
  SharedVolume volume_;
};

TEST_F(SharedVolumeTest, FilesInsideAreFound) {
  const std::string real = fs::canonical(dir_ / "volume").string();
  EXPECT_EQ(*volume_.FindInput(dir_ / "volume/a.mp4"), real + "/a.mp4");
  EXPECT_EQ(*volume_.FindInput("sub/b.mp4"), real + "/sub/b.mp4");
  fs::create_symlink("sub/b.mp4", dir_ / "volume/inner");
  EXPECT_EQ(*volume_.FindInput("inner"), real + "/sub/b.mp4");
}

TEST_F(SharedVolumeTest, EverythingElseIsRefused) {
  EXPECT_THAT(InputError(""), HasSubstr("empty"));
  EXPECT_THAT(InputError("missing.mp4"), HasSubstr("not found"));
  EXPECT_THAT(InputError(dir_ / "secret.mp4"), HasSubstr("outside"));
  EXPECT_THAT(InputError(dir_ / "volume-2/c.mp4"), HasSubstr("outside"));
  EXPECT_THAT(InputError(dir_ / "volume/../secret.mp4"), HasSubstr(".."));
  EXPECT_THAT(InputError("../secret.mp4"), HasSubstr(".."));
  EXPECT_THAT(InputError("sub"), HasSubstr("regular file"));
  EXPECT_THAT(InputError(dir_ / "volume"), HasSubstr("outside"));
  EXPECT_THAT(InputError(std::string("a.mp4\0x", 7)), HasSubstr("NUL"));
  fs::create_symlink("../secret.mp4", dir_ / "volume/link.mp4");
  EXPECT_THAT(InputError("link.mp4"), HasSubstr("outside"));
  fs::create_directory_symlink("..", dir_ / "volume/up");
  EXPECT_THAT(InputError("up/secret.mp4"), HasSubstr("outside"));
  fs::create_symlink("loop", dir_ / "volume/loop");
  EXPECT_THAT(InputError("loop"), HasSubstr("not found"));
  dir_.Write("volume/.octoscale/x.mp4", "x");
  EXPECT_THAT(InputError(".octoscale/x.mp4"), HasSubstr("outside"));
}

TEST_F(SharedVolumeTest, OutputsStayInside) {
  const std::string real = fs::canonical(dir_ / "volume").string();
  EXPECT_EQ(OutputError("new.mp4"), "found " + real + "/new.mp4");
  EXPECT_EQ(OutputError("sub/b.mp4"), "found " + real + "/sub/b.mp4");
  EXPECT_THAT(OutputError("new.mkv"), HasSubstr(".mp4"));
  EXPECT_THAT(OutputError("nowhere/new.mp4"), HasSubstr("missing"));
  EXPECT_THAT(OutputError(dir_ / "new.mp4"), HasSubstr("outside"));
  EXPECT_THAT(OutputError("/new.mp4"), HasSubstr("outside"));
  fs::create_directory_symlink("..", dir_ / "volume/up");
  EXPECT_THAT(OutputError("up/new.mp4"), HasSubstr("outside"));
  fs::create_directories(dir_ / "volume/folder.mp4");
  EXPECT_THAT(OutputError("folder.mp4"), HasSubstr("is a folder"));
}

TEST(SharedVolumeOpenTest, BadVolumes) {
  EXPECT_FALSE(SharedVolume::Open("").ok());
  EXPECT_FALSE(SharedVolume::Open("/").ok());
  TempDir dir;
  dir.Write("file", "x");
  EXPECT_FALSE(SharedVolume::Open(dir / "file").ok());
}

}  // namespace
}  // namespace octoscale
