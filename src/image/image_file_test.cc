#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/testing/temp_dir.h"
#include "image/image.h"
#include "image/test_images.h"

namespace octoscale {
namespace {

namespace fs = std::filesystem;

class ImageFileTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder_ / name; }
  size_t FilesInFolder() const { return folder_.Names().size(); }

  TempDir folder_;
  Frame frame_ = testing::Gradient({12, 8}, SampleType::kU8);
};

TEST_F(ImageFileTest, WritesAndReadsBack) {
  ASSERT_TRUE(WriteImageFile(Path("a.png"), frame_).ok());
  auto image = ReadImageFile(Path("a.png"));
  ASSERT_TRUE(image.ok()) << image.status().message();
  EXPECT_TRUE(image->frame.SamePixels(frame_));
  ASSERT_TRUE(WriteImageFile(Path("a.JPG"), frame_).ok());
  EXPECT_EQ(ReadImageFile(Path("a.JPG"))->format, ImageFormat::kJpeg);
  ASSERT_TRUE(WriteImageFile(Path("a.png"), frame_).ok());  // replaces
  EXPECT_EQ(WriteImageFile(Path("a.png"), frame_, {}, false).code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(FilesInFolder(), 2u);
}

TEST_F(ImageFileTest, ErrorsNameThePath) {
  const Status missing = ReadImageFile(Path("none.png")).status();
  EXPECT_EQ(missing.code(), StatusCode::kNotFound);
  EXPECT_THAT(missing.message(), ::testing::HasSubstr("none.png"));
  EXPECT_EQ(ReadImageFile(folder_.path()).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(WriteImageFile(Path("a.gif"), frame_).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(WriteImageFile(Path("no/such/a.png"), frame_).code(), StatusCode::kNotFound);
  std::ofstream(Path("text.png")) << "not a picture";
  const Status text = ReadImageFile(Path("text.png")).status();
  EXPECT_EQ(text.code(), StatusCode::kUnsupported);
  EXPECT_THAT(text.message(), ::testing::HasSubstr("text.png"));
}

TEST_F(ImageFileTest, ReadOnlyFolderLeavesNothing) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  fs::permissions(folder_.path(), fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_EQ(WriteImageFile(Path("a.png"), frame_).code(), StatusCode::kIoError);
  EXPECT_EQ(FilesInFolder(), 0u);
}

TEST_F(ImageFileTest, FailedRenameLeavesNothing) {
  fs::create_directory(Path("a.png"));  // a file can't replace a folder
  EXPECT_FALSE(WriteImageFile(Path("a.png"), frame_).ok());
  EXPECT_EQ(FilesInFolder(), 1u);
}

}  // namespace
}  // namespace octoscale
