// What viewers are asked to do with the pictures: turns and mirrorings.
#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/test_run.h"
#include "video/verify.h"

namespace octoscale {
namespace {

using ::testing::HasSubstr;

constexpr int32_t kOne = 1 << 16;
constexpr int kWidth = 32;
constexpr int kHeight = 24;

struct Mark {
  const char* name;
  std::array<int32_t, 4> matrix;  // a b c d: (x, y) becomes (a x + c y, b x + d y)
  const char* filter;             // the same in the ffmpeg program
  bool lying;                     // the sides keep their places
};

constexpr Mark kMarks[] = {
    {"90", {0, kOne, -kOne, 0}, "transpose=clock", false},
    {"180", {-kOne, 0, 0, -kOne}, "hflip,vflip", true},
    {"270", {0, -kOne, kOne, 0}, "transpose=cclock", false},
    {"mirrored", {-kOne, 0, 0, kOne}, "hflip", true},
    {"mirrored 90", {0, -kOne, -kOne, 0}, "hflip,transpose=clock", false},
    {"mirrored 180", {kOne, 0, 0, -kOne}, "vflip", true},
    {"mirrored 270", {0, kOne, kOne, 0}, "hflip,transpose=cclock", false},
};

// Gives the only track of an MP4 file a display matrix, which moves the picture by (x, y) pixels.
void MarkTrack(const std::string& path, const std::array<int32_t, 4>& matrix, int x, int y) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const size_t header = bytes.find("tkhd");
  ASSERT_NE(header, std::string::npos);
  ASSERT_EQ(bytes[header + 4], 0) << "version";
  const int32_t values[] = {matrix[0], matrix[1], 0, matrix[2], matrix[3], 0, x * kOne, y * kOne};
  file.clear();
  // ISO/IEC 14496-12, 8.3.2: the matrix lies 40 bytes behind the box's type.
  file.seekp(static_cast<std::streamoff>(header + 44));
  for (const int32_t value : values) {
    for (const int shift : {24, 16, 8, 0}) file.put(static_cast<char>(value >> shift));
  }
}

class OrientationTest : public ::testing::TestWithParam<Mark> {
 protected:
  OrientationTest() {
    Ffmpeg("-f lavfi -i testsrc2=s=32x24:r=25 -frames:v 3 -vf setsar=4/3 -c:v libx264rgb -qp 0 " +
           Quote(plain_));
    Ffmpeg("-i " + Quote(plain_) + " -c copy " + Quote(input_));
    MarkTrack(input_, GetParam().matrix, kWidth, kHeight);
  }

  // The doubled pictures as they are meant to be looked at.
  std::vector<std::string> Upright() const {
    const std::string size = GetParam().lying ? "64:48" : "48:64";
    return FrameHashes(plain_, "gbrp",
                       std::string(GetParam().filter) + ",scale=" + size + ":flags=neighbor");
  }

  TempDir dir_;
  std::string plain_ = dir_ / "plain.mp4";
  std::string input_ = dir_ / "in.mp4";
};

// Matroska and pictures have no mark: the pixels themselves are turned and mirrored.
TEST_P(OrientationTest, PicturesAreUprightInMatroskaAndAsFiles) {
  const std::string output = dir_ / "out.mkv";
  DoubleOk(input_, output, WithCodec("ffv1"));
  EXPECT_EQ(FrameHashes(output, "gbrp"), Upright());
  EXPECT_EQ(VideoEntry(output, "sample_aspect_ratio"), GetParam().lying ? "4:3" : "3:4");
  const Result<VerifyReport> report = VerifyVideo(input_, output, {});
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->Failures(), "");
  DoubleOk(input_, dir_ / "frame_%d.png");
  EXPECT_EQ(FrameHashes(dir_ / "frame_%d.png", "gbrp"), Upright());
}

TEST_P(OrientationTest, Mp4AndMovKeepTheMark) {
  const auto matrix = [](const std::string& path) {
    return RunShell(
        "ffprobe -v error -show_entries stream_side_data=displaymatrix -of "
        "default=nw=1:nk=1 " +
        Quote(path) + " | tr -s ' \\n' ' '");
  };
  Ffmpeg("-i " + Quote(plain_) + " -c copy " + Quote(dir_ / "expected.mp4"));
  MarkTrack(dir_ / "expected.mp4", GetParam().matrix, 2 * kWidth, 2 * kHeight);
  for (const char* name : {"out.mp4", "out.mov"}) {
    const std::string output = dir_ / name;
    DoubleOk(input_, output, WithCodec("libx264rgb"));
    EXPECT_EQ(matrix(output), matrix(dir_ / "expected.mp4")) << name;
    EXPECT_THAT(matrix(output), HasSubstr(std::to_string(2 * kWidth * kOne)));
    const Result<VerifyReport> report = VerifyVideo(input_, output, {});
    ASSERT_TRUE(report.ok()) << report.status().message();
    EXPECT_EQ(report->Failures(), "") << name;
  }
}

// A mark that is lost or another one is noticed.
TEST_P(OrientationTest, VerifyTellsAnotherMark) {
  DoubleOk(input_, dir_ / "out.mp4", WithCodec("libx264rgb"));
  for (const Mark& other : kMarks) {
    if (std::string(other.name) == GetParam().name) continue;
    MarkTrack(dir_ / "out.mp4", other.matrix, 0, 0);
    const Result<VerifyReport> report = VerifyVideo(input_, dir_ / "out.mp4", {});
    ASSERT_TRUE(report.ok()) << report.status().message();
    EXPECT_THAT(report->Failures(), HasSubstr("rotation")) << other.name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, OrientationTest, ::testing::ValuesIn(kMarks), [](const auto& test) {
  std::string name = test.param.name;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
});

// The marks of H.264 itself, where the container has none.
TEST(PictureOrientationTest, MarksInsideTheVideoAreFollowed) {
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=32x24:r=25 -frames:v 3 -c:v libx264rgb -qp 0 " +
         Quote(dir / "plain.mp4"));
  Ffmpeg("-i " + Quote(dir / "plain.mp4") + " -c copy -bsf:v " +
         "h264_metadata=display_orientation=insert:flip=horizontal " + Quote(dir / "in.ts"));
  DoubleOk(dir / "in.ts", dir / "out.mkv", WithCodec("ffv1"));
  EXPECT_EQ(FrameHashes(dir / "out.mkv", "gbrp"),
            FrameHashes(dir / "plain.mp4", "gbrp", "hflip,scale=64:48:flags=neighbor"));
  DoubleOk(dir / "in.ts", dir / "out.mp4", WithCodec("libx264rgb"));
  EXPECT_THAT(Ffprobe(dir / "out.mp4", "-show_entries stream_side_data=side_data_type"),
              HasSubstr("Display Matrix"));
  const Result<VerifyReport> report = VerifyVideo(dir / "in.ts", dir / "out.mp4", {});
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->Failures(), "");
}

TEST(PictureOrientationTest, ExifOfNumberedPicturesIsFollowed) {
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=32x24:r=25 -frames:v 2 -pix_fmt yuvj444p " +
         Quote(dir / "plain_%d.jpg"));
  // Big-endian TIFF with one tag: orientation 2, mirrored.
  const std::string exif(
      "\xff\xe1\0\x22"
      "Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\2\0\0\0\0\0\0",
      36);
  for (const char* number : {"1", "2"}) {
    std::ifstream plain(dir / ("plain_" + std::string(number) + ".jpg"), std::ios::binary);
    std::string picture{std::istreambuf_iterator<char>(plain), {}};
    picture.insert(2, exif);
    std::ofstream(dir / ("in_" + std::string(number) + ".jpg"), std::ios::binary) << picture;
  }
  DoubleOk(dir / "plain_%d.jpg", dir / "plain.mkv", WithCodec("ffv1"));
  DoubleOk(dir / "in_%d.jpg", dir / "out.mkv", WithCodec("ffv1"));
  EXPECT_EQ(FrameHashes(dir / "out.mkv", "gbrp", "format=gbrp"),
            FrameHashes(dir / "plain.mkv", "gbrp", "format=gbrp,hflip"));
}

}  // namespace
}  // namespace octoscale
