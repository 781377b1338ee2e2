// Videos made in segments beside the same ones made in one go.
#include <fcntl.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include "pipeline/segment_sink.h"
#include "pipeline/test_run.h"

namespace octoscale {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

PipelineOptions InSegments(const std::string& codec, int64_t frames) {
  PipelineOptions options = WithCodec(codec);
  options.journal.mode = JournalMode::kStart;
  options.journal.program = "test 1";
  options.journal.segment_frames = frames;
  return options;
}

// Decoding times of the video's packets, in file order, in ticks.
std::vector<int64_t> PacketDts(const std::string& path) {
  std::vector<int64_t> times;
  std::istringstream lines(Ffprobe(path, "-select_streams V:0 -show_entries packet=dts"));
  std::string line;
  while (std::getline(lines, line)) {
    if (line.starts_with("dts=") && line != "dts=N/A") times.push_back(std::stoll(line.substr(4)));
  }
  return times;
}

std::string AudioHash(const std::string& path) {
  return RunShell("ffmpeg -nostdin -v error -i " + Quote("file:" + path) +
                  " -map 0:a -c copy -f framemd5 - | grep -v '^#'");
}

void ExpectIncreasing(const std::vector<int64_t>& times, const std::string& what) {
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end())) << what;
  EXPECT_EQ(std::adjacent_find(times.begin(), times.end()), times.end()) << what;
}

// The same clip whole and in segments: times, sound and duration are the same.
void CompareWithWhole(const std::string& input, const std::string& extension,
                      const PipelineOptions& segmented, bool same_pictures) {
  TempDir dir;
  PipelineOptions whole = segmented;
  whole.journal.mode = JournalMode::kNone;
  const PipelineReport a = DoubleOk(input, dir / ("whole." + extension), whole);
  const PipelineReport b = DoubleOk(input, dir / ("parts." + extension), segmented);
  EXPECT_EQ(a.frames, b.frames);
  EXPECT_EQ(a.audio_streams, b.audio_streams);
  EXPECT_EQ(a.subtitle_streams, b.subtitle_streams);
  EXPECT_EQ(a.chapters, b.chapters);
  const std::string one = dir / ("whole." + extension);
  const std::string parts = dir / ("parts." + extension);
  EXPECT_EQ(FrameTimes(one), FrameTimes(parts));
  EXPECT_EQ(static_cast<int64_t>(FrameTimes(parts).size()), b.frames);
  EXPECT_EQ(Ffprobe(one, "-show_entries format=duration,start_time"),
            Ffprobe(parts, "-show_entries format=duration,start_time"));
  // Matroska stores no decoding times.
  if (extension != "mkv") ExpectIncreasing(PacketDts(parts), extension);
  if (a.audio_streams > 0) {
    EXPECT_EQ(AudioHash(one), AudioHash(parts));
  }
  if (same_pictures) {
    EXPECT_EQ(FrameHashes(one, "gbrp"), FrameHashes(parts, "gbrp"));
  }
  EXPECT_THAT(dir.Names(), ElementsAre("parts." + extension, "whole." + extension));
}

TEST(SegmentsTest, LosslessVideoIsTheSameInSegments) {
  TempDir dir;
  Ffmpeg(
      "-f lavfi -i testsrc2=s=64x48:r=30000/1001 -f lavfi -i sine=b=2 -frames:v 37 -t 1.2"
      " -c:v libx264rgb -qp 0 -bf 3 -c:a aac " +
      Quote(dir / "in.mkv"));
  CompareWithWhole(dir / "in.mkv", "mkv", InSegments("ffv1", 8), true);
  PipelineOptions x264 = InSegments("libx264rgb", 8);
  x264.writer.encoder.extra = {{"qp", "0"}};
  CompareWithWhole(dir / "in.mkv", "mkv", x264, true);
  CompareWithWhole(dir / "in.mkv", "mp4", x264, true);
}

// Long pictures where segments begin: the encoder's own decoding times would overlap.
TEST(SegmentsTest, VariableFrameRateWithBFramesKeepsItsTimes) {
  TempDir dir;
  Ffmpeg(
      "-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 40 -vf "
      "\"setpts='if(gte(N,16),N+40,if(gte(N,9),N+20,N))/25/TB'\" -fps_mode passthrough "
      "-enc_time_base 1/90000 -c:v libx264 -bf 3 -video_track_timescale 90000 " +
      Quote(dir / "in.mp4"));
  PipelineOptions options = InSegments("libx264", 8);
  options.writer.encoder.max_b_frames = 3;
  for (const char* extension : {"mp4", "mkv", "mov"}) {
    CompareWithWhole(dir / "in.mp4", extension, options, false);
  }
}

TEST(SegmentsTest, StreamsChaptersAndStartOffsetAreKept) {
  TempDir dir;
  std::ofstream(dir / "s.srt") << "1\n00:00:00,100 --> 00:00:00,900\nhello\n";
  std::ofstream(dir / "m.txt") << ";FFMETADATA1\ntitle=T\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\n"
                                  "END=600\ntitle=one\n";
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25 -f lavfi -i sine -i " + Quote(dir / "s.srt") + " -i " +
         Quote(dir / "m.txt") +
         " -map 0 -map 1 -map 2 -map_metadata 3 -t 1.2 -c:v libx264 -c:a aac" +
         " -c:s srt -output_ts_offset 0.5 " + Quote(dir / "in.mkv"));
  CompareWithWhole(dir / "in.mkv", "mkv", InSegments("libx264", 8), false);
  CompareWithWhole(dir / "in.mkv", "mp4", InSegments("libx264", 8), false);
}

struct EncoderCase {
  const char* codec;
  const char* extension;
};

class EncoderSegmentsTest : public ::testing::TestWithParam<EncoderCase> {};

TEST_P(EncoderSegmentsTest, CanBeJoined) {
  const auto& [codec, extension] = GetParam();
  const std::vector<std::string> there = VideoEncodersFor(extension);
  if (std::find(there.begin(), there.end(), codec) == there.end()) {
    GTEST_SKIP() << "this FFmpeg has no " << codec;
  }
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=96x64:r=25 -frames:v 20 -c:v libx264 -pix_fmt yuv420p " +
         Quote(dir / "in.mp4"));
  PipelineOptions options = InSegments(codec, 8);
  if (std::string(codec) == "libsvtav1") options.writer.encoder.preset = "12";
  if (std::string(codec) == "libaom-av1") options.writer.encoder.extra = {{"cpu-used", "8"}};
  ASSERT_TRUE(CheckSegmentable(options.writer.encoder).ok());
  const PipelineReport report =
      DoubleOk(dir / "in.mp4", dir / ("out." + std::string(extension)), options);
  EXPECT_EQ(report.frames, 20);
  const std::string output = dir / ("out." + std::string(extension));
  const std::vector<double> times = FrameTimes(output);
  const std::vector<double> expected = FrameTimes(dir / "in.mp4");
  ASSERT_EQ(times.size(), expected.size());
  // Matroska and WebM count milliseconds.
  for (size_t i = 0; i < times.size(); ++i) EXPECT_NEAR(times[i], expected[i], 0.0011) << i;
  if (extension != std::string("mkv")) ExpectIncreasing(PacketDts(output), codec);
}

INSTANTIATE_TEST_SUITE_P(
    All, EncoderSegmentsTest,
    ::testing::Values(EncoderCase{"libx264", "mp4"}, EncoderCase{"libx265", "mp4"},
                      EncoderCase{"libsvtav1", "mp4"}, EncoderCase{"libaom-av1", "mkv"},
                      EncoderCase{"libvpx-vp9", "webm"}, EncoderCase{"libvpx", "webm"},
                      EncoderCase{"ffv1", "mkv"}, EncoderCase{"mpeg4", "mp4"},
                      EncoderCase{"prores_ks", "mov"}, EncoderCase{"prores_aw", "mov"},
                      EncoderCase{"prores", "mov"}),
    [](const auto& test) {
      std::string name = test.param.codec;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

TEST(SegmentsTest, RateControlOverTheWholeVideoIsNotSegmentable) {
  EncoderOptions options;
  EXPECT_TRUE(CheckSegmentable(options).ok());
  options.extra = {{"x264-params", "keyint=30:ref=4"}};
  EXPECT_TRUE(CheckSegmentable(options).ok());
  options.extra = {{"x264-params", "keyint=30:vbv-maxrate=4000"}};
  EXPECT_THAT(CheckSegmentable(options).message(), HasSubstr("'vbv-maxrate'"));
  options.extra.clear();
  options.bit_rate = 1'000'000;
  EXPECT_THAT(CheckSegmentable(options).message(), HasSubstr("bit rate"));
  options = {};
  options.codec = "h264_vaapi";
  EXPECT_EQ(CheckSegmentable(options).code(), StatusCode::kUnsupported);
}

TEST(SegmentsTest, SegmentLengthDependsOnTheSizeAlone) {
  EXPECT_EQ(SegmentFrames({640, 360}), 256);
  EXPECT_EQ(SegmentFrames({64, 48}), 256);
  EXPECT_EQ(SegmentFrames({1, 1}), 256);
  EXPECT_EQ(SegmentFrames({960, 540}), 120);
  EXPECT_EQ(SegmentFrames({1920, 1080}), 64);
  EXPECT_EQ(SegmentFrames({32768, 32768}), 64);
}

TEST(SegmentsTest, FrameHashIgnoresPaddingAndSeesPixelsAndShape) {
  Frame a({5, 3}, SampleType::kU8);
  for (int p = 0; p < Frame::kPlanes; ++p) {
    for (int y = 0; y < 3; ++y) std::fill_n(a.row(p, y), a.stride_bytes(), uint8_t(p + y));
  }
  Frame b = a.Clone();
  b.row(1, 2)[5] ^= 1;  // padding
  EXPECT_EQ(HashFrame(a), HashFrame(b));
  b.row(1, 2)[4] ^= 1;
  EXPECT_NE(HashFrame(a), HashFrame(b));
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Appends the segment to a video: the way every segment's file is read.
Status Append(const VideoReader& reader, const std::string& segment, const std::string& output) {
  WriterOptions options;
  options.encoder.codec = "ffv1";
  options.overwrite = true;
  auto writer = VideoWriter::Open(output, reader, reader.info().video.size, options);
  if (!writer.ok()) return writer.status();
  OCTO_RETURN_IF_ERROR((*writer)->AppendSegments({segment}));
  return (*writer)->Finish(false).status();
}

TEST(SegmentsTest, AnyDamageOfASegmentIsNoticed) {
  TempDir dir;
  Ffmpeg("-f lavfi -i color=s=16x16:r=25 -frames:v 3 -c:v ffv1 " + Quote(dir / "in.mkv"));
  const auto reader = VideoReader::Open(dir / "in.mkv", {});
  ASSERT_TRUE(reader.ok()) << reader.status().message();
  EncoderOptions options;
  options.codec = "ffv1";
  const std::string path = dir / "segment";
  auto writer = SegmentWriter::Open(path, **reader, {16, 16}, options, "out.mkv");
  ASSERT_TRUE(writer.ok()) << writer.status().message();
  ColourToRgb to_rgb(SampleType::kU8, false);
  ColourFromRgb from_rgb((*writer)->format());
  while (true) {
    Result<std::optional<Picture>> picture = (*reader)->Next();
    ASSERT_TRUE(picture.ok());
    if (!picture->has_value()) break;
    const FrameTime time = (*picture)->time();
    auto frame = to_rgb.Convert(**picture);
    ASSERT_TRUE(frame.ok());
    auto back = from_rgb.Convert(*frame, time);
    ASSERT_TRUE(back.ok());
    ASSERT_TRUE((*writer)->Write(std::move(*back)).ok());
  }
  const auto info = (*writer)->Close();
  ASSERT_TRUE(info.ok()) << info.status().message();
  EXPECT_EQ(info->frames, 3);
  EXPECT_TRUE(CheckSegmentFile(path, info->bytes, info->hash).ok());
  ASSERT_TRUE(Append(**reader, path, dir / "out.mkv").ok());

  const std::string good = ReadAll(path);
  ASSERT_EQ(static_cast<int64_t>(good.size()), info->bytes);
  for (size_t at = 0; at < good.size(); ++at) {
    std::string damaged = good;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
    std::ofstream(path, std::ios::binary) << damaged;
    EXPECT_EQ(CheckSegmentFile(path, info->bytes, info->hash).code(), StatusCode::kCorruptInput);
    EXPECT_FALSE(Append(**reader, path, dir / "out.mkv").ok()) << "byte " << at;
  }
  for (size_t size = 0; size < good.size(); size += 7) {
    std::ofstream(path, std::ios::binary) << good.substr(0, size);
    EXPECT_FALSE(Append(**reader, path, dir / "out.mkv").ok()) << "cut to " << size;
  }
}

}  // namespace
}  // namespace octoscale
