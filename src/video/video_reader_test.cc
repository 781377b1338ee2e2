#include "video/video_reader.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "video/colour.h"
#include "video/test_media.h"

namespace octoscale {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<VideoReader> OpenOk(const std::string& path, const ReaderOptions& options = {}) {
  Result<std::unique_ptr<VideoReader>> reader = VideoReader::Open(path, options);
  EXPECT_TRUE(reader.ok()) << reader.status().message();
  return reader.ok() ? std::move(reader).value() : nullptr;
}

struct ReadFrame {
  Frame frame;
  FrameTime time;
};

std::vector<ReadFrame> ReadAll(VideoReader* reader) {
  std::vector<ReadFrame> frames;
  ColourToRgb colour(reader->info().video.sample_type);
  while (true) {
    Result<std::optional<Picture>> picture = reader->Next();
    EXPECT_TRUE(picture.ok()) << picture.status().message();
    if (!picture.ok() || !picture->has_value()) return frames;
    Result<Frame> frame = colour.Convert(**picture);
    EXPECT_TRUE(frame.ok()) << frame.status().message();
    if (!frame.ok()) return frames;
    frames.push_back({std::move(frame).value(), (*picture)->time()});
  }
}

TEST(VideoReaderTest, DescribesTheStream) {
  TempDir dir;
  Ffmpeg(
      "-f lavfi -i testsrc2=s=64x48:r=30000/1001 -f lavfi -i sine=d=1 -frames:v 20 -vf setsar=8/9 "
      "-c:v libx264 -profile:v high10 -pix_fmt yuv420p10le -colorspace bt709 -c:a aac "
      "-metadata:s:a language=fra " +
      Quote(dir / "in.mp4"));
  const Result<MediaInfo> info = ProbeMedia(dir / "in.mp4");
  ASSERT_TRUE(info.ok()) << info.status().message();
  const VideoStreamInfo& video = info->video;
  EXPECT_EQ(video.codec, "h264");
  EXPECT_EQ(video.profile, "High 10");
  EXPECT_EQ(video.pixel_format, "yuv420p10le");
  EXPECT_EQ(video.size, (FrameSize{64, 48}));
  EXPECT_EQ(video.bit_depth, 10);
  EXPECT_EQ(video.sample_type, SampleType::kU16);
  EXPECT_EQ(video.frame_rate, (Rational{30000, 1001}));
  EXPECT_EQ(video.sample_aspect, (Rational{8, 9}));
  EXPECT_EQ(video.colour.matrix, 1);
  EXPECT_EQ(video.frames, 20);
  EXPECT_TRUE(video.frames_exact);
  ASSERT_EQ(info->streams.size(), 2u);
  EXPECT_EQ(info->streams[1].kind, StreamKind::kAudio);
  EXPECT_EQ(info->streams[1].language, "fra");
}

TEST(VideoReaderTest, EveryThreadCountGivesEveryFrame) {
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 37 -c:v libx264 -bf 3 -pix_fmt yuv420p " +
         Quote(dir / "in.mp4"));
  ReaderOptions options;
  options.threads = 1;
  const std::vector<ReadFrame> reference = ReadAll(OpenOk(dir / "in.mp4", options).get());
  ASSERT_EQ(reference.size(), 37u);
  for (const int threads : {2, 8}) {
    options.threads = threads;
    const std::vector<ReadFrame> frames = ReadAll(OpenOk(dir / "in.mp4", options).get());
    ASSERT_EQ(frames.size(), 37u);
    for (size_t i = 0; i < frames.size(); ++i) {
      EXPECT_TRUE(frames[i].frame.SamePixels(reference[i].frame));
      EXPECT_EQ(frames[i].time, reference[i].time);
    }
  }
}

// Seeking differs in each container; the frame that comes out must not.
class StartTest : public ::testing::TestWithParam<const char*> {};

TEST_P(StartTest, GivesTheVeryFramesOfTheWholeVideo) {
  TempDir dir;
  const std::string path = dir / (std::string("in.") + GetParam());
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=10:d=8 -c:v mpeg4 -q 3 -g 25 -bf 2 " + Quote(path));
  const std::unique_ptr<VideoReader> whole_reader = OpenOk(path);
  const std::vector<ReadFrame> whole = ReadAll(whole_reader.get());
  ASSERT_EQ(whole.size(), 80u);
  const double tick = whole_reader->info().video.time_base.value();
  const double file_start = whole_reader->info().start_seconds;
  for (const double start : {0.05, 2.5, 4.0, 7.8}) {
    size_t first = 0;
    while (static_cast<double>(whole[first].time.pts) * tick < file_start + start - tick / 2) {
      ++first;
    }
    ReaderOptions options;
    options.start_seconds = start;
    options.frames = 3;
    const std::unique_ptr<VideoReader> reader = OpenOk(path, options);
    const std::vector<ReadFrame> part = ReadAll(reader.get());
    ASSERT_EQ(part.size(), std::min<size_t>(3, 80 - first));
    for (size_t i = 0; i < part.size(); ++i) {
      EXPECT_TRUE(part[i].frame.SamePixels(whole[first + i].frame)) << start << " " << i;
    }
    EXPECT_EQ(part[0].time.pts, 0);
    EXPECT_TRUE(reader->window().trimmed_start);
  }
}

INSTANTIATE_TEST_SUITE_P(Containers, StartTest, ::testing::Values("mp4", "mkv", "ts", "avi"),
                         [](const auto& test) { return std::string(test.param); });

TEST(VideoReaderTest, OpenGopStartIsExactToo) {
  TempDir dir;
  Ffmpeg(
      "-f lavfi -i testsrc2=s=64x48:r=10:d=6 -c:v libx264 -x264-params "
      "open-gop=1:keyint=20:bframes=3 "
      "-pix_fmt yuv420p " +
      Quote(dir / "in.mkv"));
  const std::vector<ReadFrame> whole = ReadAll(OpenOk(dir / "in.mkv").get());
  for (const double start : {1.8, 2.0, 3.7}) {
    ReaderOptions options;
    options.start_seconds = start;
    options.frames = 2;
    const std::vector<ReadFrame> part = ReadAll(OpenOk(dir / "in.mkv", options).get());
    ASSERT_EQ(part.size(), 2u);
    EXPECT_TRUE(part[0].frame.SamePixels(whole[static_cast<size_t>(start * 10 + 0.5)].frame))
        << start;
  }
}

TEST(VideoReaderTest, LimitsSayThatTheyEndedTheVideo) {
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=10:d=2 -c:v libx264 -pix_fmt yuv420p " +
         Quote(dir / "in.mp4"));
  ReaderOptions options;
  options.frames = 5;
  std::unique_ptr<VideoReader> reader = OpenOk(dir / "in.mp4", options);
  EXPECT_EQ(reader->info().video.frames, 5);
  EXPECT_EQ(ReadAll(reader.get()).size(), 5u);
  EXPECT_TRUE(reader->stopped_at_limit());
  EXPECT_EQ(reader->pictures(), 5);
  options.frames = 20;
  reader = OpenOk(dir / "in.mp4", options);
  EXPECT_EQ(ReadAll(reader.get()).size(), 20u);
  EXPECT_FALSE(reader->stopped_at_limit());
}

TEST(VideoReaderTest, BadOptionsAreRefused) {
  TempDir dir;
  ReaderOptions options;
  options.threads = 0;
  EXPECT_EQ(VideoReader::Open(dir / "x", options).status().code(), StatusCode::kInvalidArgument);
  options = {};
  options.start_seconds = -1;
  EXPECT_EQ(VideoReader::Open(dir / "x", options).status().code(), StatusCode::kInvalidArgument);
  options.start_seconds = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(VideoReader::Open(dir / "x", options).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace octoscale
