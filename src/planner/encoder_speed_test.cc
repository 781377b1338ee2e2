#include "planner/encoder_speed.h"

#include <string>
#include <utility>
#include <vector>

#include "base/testing/temp_dir.h"
#include "frame/synthetic_picture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "planner/enlarge.h"
#include "video/test_media.h"

namespace octoscale {
namespace {

std::vector<Frame> Pictures(size_t count) {
  std::vector<Frame> frames;
  for (size_t i = 0; i < count; ++i) {
    frames.push_back(SyntheticPicture({64, 48}, static_cast<uint32_t>(i)));
  }
  return frames;
}

TEST(EncoderSpeedTest, NothingOfTheClipButItsPicturesIsEncodedAndWritten) {
  const TempDir dir;
  const std::string clip = dir / "clip.mkv";
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25:d=0.4 -f lavfi -i sine=d=9 -c:v libx264 -c:a aac " +
         Quote(clip));
  auto source = VideoReader::Open(clip, {});
  auto folder = TemporaryFolder::Create();
  ASSERT_TRUE(source.ok() && folder.ok());
  EncoderOptions encoder;
  encoder.codec = "libx264";
  encoder.preset = "ultrafast";
  for (const size_t count : {size_t{1}, size_t{3}, kEncoderFramesMin}) {
    const auto speed = MeasureEncoder(Pictures(count), **source, encoder, *folder, {});
    ASSERT_TRUE(speed.ok()) << speed.status().message();
    EXPECT_GT(speed->speed.cpu, 0);
    EXPECT_GT(speed->speed.wall, 0);
    EXPECT_GT(speed->open_cpu, 0);
    EXPECT_GE(speed->begin_frames, 0);
    EXPECT_GT(speed->colour_cpu, 0);
  }
  const std::string encoded = (folder->path() / "encoded.mkv").string();
  EXPECT_EQ(Ffprobe(encoded, "-show_entries stream=codec_type"), "codec_type=video");
  EXPECT_GE(FrameEntries(encoded, "pts").size(), kEncoderFramesMin);
}

TEST(EnlargedTest, PixelsStayWhereTheyWereAndThoseBetweenAreBetween) {
  Frame frame({2, 2}, SampleType::kU16);
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    const uint16_t base = static_cast<uint16_t>(60'000 - plane);
    frame.row16(plane, 0)[0] = base;
    frame.row16(plane, 0)[1] = static_cast<uint16_t>(base - 6);
    frame.row16(plane, 1)[0] = static_cast<uint16_t>(base - 60);
    frame.row16(plane, 1)[1] = static_cast<uint16_t>(base - 66);
  }
  for (const int scale : {1, 2, 3, 4}) {
    const Frame enlarged = Enlarged(frame, scale);
    ASSERT_EQ(enlarged.size(), (FrameSize{2 * scale, 2 * scale}));
    for (int plane = 0; plane < Frame::kPlanes; ++plane) {
      for (int y = 0; y < 2; ++y) {
        for (int x = 0; x < 2; ++x) {
          EXPECT_EQ(enlarged.row16(plane, y * scale)[x * scale], frame.row16(plane, y)[x]);
        }
      }
    }
  }
  const Frame thrice = Enlarged(frame, 3);
  EXPECT_EQ(thrice.row16(0, 0)[1], 59'998);
  EXPECT_EQ(thrice.row16(0, 1)[0], 59'980);
  EXPECT_EQ(thrice.row16(0, 2)[5], 59'954);  // beyond the last column: as the last
}

TEST(EnlargedTest, EightBits) {
  Frame frame({2, 1}, SampleType::kU8);
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    frame.row(plane, 0)[0] = 255;
    frame.row(plane, 0)[1] = 0;
  }
  const Frame twice = Enlarged(frame, 2);
  EXPECT_EQ(twice.row(2, 1)[0], 255);
  EXPECT_EQ(twice.row(2, 1)[1], 127);
  EXPECT_EQ(twice.row(2, 1)[3], 0);
}

}  // namespace
}  // namespace octoscale
