#include "base/file_sequence.h"

#include <fstream>

#include "base/testing/temp_dir.h"
#include "gtest/gtest.h"

namespace octoscale {
namespace {

TEST(FileSequenceTest, NamesWithOneNumberAreSequences) {
  const auto padded = FileSequence::Parse("a/frame_%06d.png");
  ASSERT_TRUE(padded);
  EXPECT_EQ(padded->Path(7), "a/frame_000007.png");
  EXPECT_EQ(padded->folder(), "a");
  const auto plain = FileSequence::Parse("%d.jpg");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->Name(12), "12.jpg");
  EXPECT_EQ(plain->folder(), ".");
  EXPECT_EQ(FileSequence::Parse("50%/x%d.png")->Escaped(), "50%%/x%d.png");
  for (const char* other :
       {"frame.png", "100%.png", "%d_%d.png", "%s.png", "%6d.png", "%d/a.png"}) {
    EXPECT_FALSE(FileSequence::Parse(other)) << other;
  }
}

TEST(FileSequenceTest, FilesAreFoundAndGapsAreNamed) {
  TempDir folder;
  const auto touch = [&](const std::string& name) { std::ofstream(folder / name) << "x"; };
  const auto sequence = FileSequence::Parse(folder / "f%03d.png");
  ASSERT_TRUE(sequence);
  EXPECT_EQ(FindSequence(*sequence).status().code(), StatusCode::kNotFound);
  for (const char* name : {"f007.png", "f008.png", "f9.png", "f0010.png", "f009.png", "f01.pngx"}) {
    touch(name);
  }
  const auto found = FindSequence(*sequence);
  ASSERT_TRUE(found.ok()) << found.status().message();
  EXPECT_EQ(found->first, 7);
  EXPECT_EQ(found->count, 3);
  touch("f011.png");
  const Status gap = FindSequence(*sequence).status();
  EXPECT_EQ(gap.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(gap.message().find("f010.png is missing"), std::string::npos) << gap.message();
}

TEST(FileSequenceTest, AFileOfThatNameIsNoSequence) {
  TempDir folder;
  EXPECT_TRUE(IsInputSequence(folder / "a%d.png"));
  std::ofstream(folder / "a%d.png") << "x";
  EXPECT_FALSE(IsInputSequence(folder / "a%d.png"));
}

}  // namespace
}  // namespace octoscale
