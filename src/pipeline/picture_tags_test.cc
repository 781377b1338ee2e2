// Depth, colour tags, shape and size of the pictures.
#include <algorithm>
#include <fstream>
#include <iterator>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/test_run.h"

namespace octoscale {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(PictureTagsTest, TenBitsStayTenBits) {
  TempDir dir;
  // Colours inside the RGB cube: what lies outside is clipped.
  Ffmpeg(
      "-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 10 -vf format=gbrp10le,scale,format=yuv444p10le "
      "-c:v ffv1 " +
      Quote(dir / "in.mkv"));
  DoubleOk(dir / "in.mkv", dir / "out.mkv", WithCodec("ffv1"));
  EXPECT_EQ(VideoEntry(dir / "out.mkv", "pix_fmt"), "yuv444p10le");
  // Through 16-bit RGB and back: every sample within a level, most of them equal.
  const std::string psnr = RunShell(
      "ffmpeg -v error -i " + Quote(dir / "in.mkv") + " -i " + Quote(dir / "out.mkv") +
      " -filter_complex '[0]scale=128:96:flags=neighbor[a];[a][1]psnr=f=-' -f null - | tail -1");
  EXPECT_THAT(psnr, HasSubstr("psnr_avg"));
  const size_t at = psnr.find("psnr_avg:") + 9;
  const std::string value = psnr.substr(at, psnr.find(' ', at) - at);
  EXPECT_TRUE(value == "inf" || std::stod(value) > 65) << psnr;
}

TEST(PictureTagsTest, TenBitsWithEachEncoder) {
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=64x64:r=25 -frames:v 6 -c:v ffv1 -pix_fmt yuv420p10le " +
         Quote(dir / "in.mkv"));
  const std::pair<const char*, const char*> expected[] = {{"libx264", "yuv420p10le"},
                                                          {"libx265", "yuv420p10le"},
                                                          {"libvpx-vp9", "yuv420p10le"},
                                                          {"libsvtav1", "yuv420p10le"},
                                                          {"prores_ks", "yuv422p10le"}};
  for (const auto& [codec, format] : expected) {
    const std::string out = dir / (std::string(codec) + ".mkv");
    EXPECT_EQ(DoubleOk(dir / "in.mkv", out, WithCodec(codec)).frames, 6) << codec;
    EXPECT_EQ(VideoEntry(out, "pix_fmt"), format) << codec;
    EXPECT_EQ(FrameTimes(out).size(), 6u) << codec;
  }
}

TEST(PictureTagsTest, ColourTagsAndAspectAreCopied) {
  TempDir dir;
  Ffmpeg(
      "-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 5 -vf setsar=4/3 -c:v libx264 -pix_fmt yuv420p "
      "-color_primaries bt470bg -color_trc gamma28 -colorspace bt470bg -color_range pc "
      "-chroma_sample_location center " +
      Quote(dir / "in.mp4"));
  for (const char* name : {"out.mp4", "out.mkv", "out.mov"}) {
    DoubleOk(dir / "in.mp4", dir / name);
    for (const char* entry : {"color_primaries", "color_transfer", "color_space", "color_range",
                              "sample_aspect_ratio", "chroma_location"}) {
      EXPECT_EQ(VideoEntry(dir / name, entry), VideoEntry(dir / "in.mp4", entry))
          << name << " " << entry;
    }
  }
}

TEST(PictureTagsTest, UntaggedSourceIsTaggedWithTheRulesMatrix) {
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=64x480:r=25 -frames:v 2 -c:v libx264 -pix_fmt yuv420p " +
         Quote(dir / "sd.mp4"));
  Ffmpeg("-f lavfi -i testsrc2=s=64x720:r=25 -frames:v 2 -c:v libx264 -pix_fmt yuv420p " +
         Quote(dir / "hd.mp4"));
  DoubleOk(dir / "sd.mp4", dir / "sd2.mp4");
  DoubleOk(dir / "hd.mp4", dir / "hd2.mp4");
  // 960 lines would be taken for BT.709 if the output were left untagged.
  EXPECT_EQ(VideoEntry(dir / "sd2.mp4", "color_space"), "smpte170m");
  EXPECT_EQ(VideoEntry(dir / "hd2.mp4", "color_space"), "bt709");
}

TEST(PictureTagsTest, HdrTagsAndStaticMetadataAreKept) {
  TempDir dir;
  Ffmpeg(
      "-f lavfi -i testsrc2=s=64x64:r=25 -frames:v 5 -c:v libx265 -pix_fmt yuv420p10le "
      "-x265-params " +
      Quote("log-level=none:hdr10=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:"
            "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):"
            "max-cll=1000,400") +
      " " + Quote(dir / "in.mp4"));
  for (const char* name : {"out.mp4", "out.mkv"}) {
    DoubleOk(dir / "in.mp4", dir / name, WithCodec("libx265"));
    EXPECT_EQ(VideoEntry(dir / name, "color_transfer"), "smpte2084");
    EXPECT_EQ(VideoEntry(dir / name, "color_primaries"), "bt2020");
    EXPECT_EQ(VideoEntry(dir / name, "color_space"), "bt2020nc");
    const std::string side = RunShell("ffprobe -v error -show_streams " + Quote(dir / name));
    EXPECT_THAT(side, HasSubstr("Mastering display metadata")) << name;
    EXPECT_THAT(side, HasSubstr("max_content=1000")) << name;
    EXPECT_THAT(side, HasSubstr("max_average=400")) << name;
  }
  // In the stream itself too, for those who take it out of its container.
  Ffmpeg("-i " + Quote(dir / "out.mp4") + " -c copy " + Quote(dir / "raw.hevc"));
  const std::string frame =
      RunShell("ffprobe -v error -show_frames -read_intervals %+#1 " + Quote(dir / "raw.hevc"));
  EXPECT_THAT(frame, HasSubstr("red_x=34000/50000"));
  EXPECT_THAT(frame, HasSubstr("max_luminance=10000000/10000"));
  EXPECT_THAT(frame, HasSubstr("max_content=1000"));
  PipelineOptions av1 = WithCodec("libsvtav1");
  av1.writer.encoder.preset = "12";
  DoubleOk(dir / "in.mp4", dir / "av1.mkv", av1);
  Ffmpeg("-i " + Quote(dir / "av1.mkv") + " -c copy " + Quote(dir / "raw.ivf"));
  const std::string picture =
      RunShell("ffprobe -v error -show_frames -read_intervals %+#1 " + Quote(dir / "raw.ivf"));
  EXPECT_THAT(picture, HasSubstr("max_luminance=256000/256"));
  EXPECT_THAT(picture, HasSubstr("max_content=1000"));
}

TEST(PictureTagsTest, HlgWithAnEightBitEncoderIsRefused) {
  TempDir dir;
  Ffmpeg(
      "-f lavfi -i testsrc2=s=64x64:r=25 -frames:v 2 -c:v libx265 -x265-params log-level=none "
      "-pix_fmt yuv420p10le -color_primaries bt2020 -color_trc arib-std-b67 -colorspace bt2020nc " +
      Quote(dir / "in.mp4"));
  const Result<PipelineReport> report = Double(dir / "in.mp4", dir / "out.mkv", WithCodec("mpeg4"));
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), StatusCode::kUnsupported);
  EXPECT_THAT(report.status().message(), HasSubstr("HDR"));
}

TEST(PictureTagsTest, SmallAndOddSizesWork) {
  TempDir dir;
  for (const char* size : {"1x1", "2x2", "33x17", "1x9"}) {
    const std::string in = dir / (std::string("in") + size + ".mkv");
    Ffmpeg("-f lavfi -i color=red:s=64x64:r=25 -frames:v 3 -vf scale=" + std::string(size) +
           " -c:v ffv1 -pix_fmt yuv420p " + Quote(in));
    EXPECT_EQ(DoubleOk(in, dir / (std::string("out") + size + ".mkv"), WithCodec("ffv1")).frames,
              3);
    EXPECT_EQ(DoubleOk(in, dir / (std::string("out") + size + ".mp4")).frames, 3) << size;
  }
}

TEST(PictureTagsTest, OddOutputSizeUsesUnsubsampledChroma) {
  TempDir dir;
  Ffmpeg(
      "-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 3 -vf scale=33:17 -c:v ffv1 -pix_fmt yuv420p " +
      Quote(dir / "in.mkv"));
  NearestUpscaler upscaler(3);
  PipelineOptions options;
  const Result<PipelineReport> report =
      RunPipeline(dir / "in.mkv", dir / "out.mp4", upscaler, options);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(VideoEntry(dir / "out.mp4", "pix_fmt"), "yuv444p");
  EXPECT_THAT(AllText(report->warnings), HasSubstr("odd size 99x51"));
  options.writer.encoder.pixel_format = "yuv420p";
  options.writer.overwrite = true;
  const Result<PipelineReport> refused =
      RunPipeline(dir / "in.mkv", dir / "out.mp4", upscaler, options);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.status().message(), HasSubstr("99x51"));
}

TEST(PictureTagsTest, UnusualSourcesDecode) {
  TempDir dir;
  const std::pair<const char*, const char*> sources[] = {
      {"cinepak", "in.mov"}, {"msvideo1", "in.avi"}, {"gif", "in.gif"},
      {"mjpeg", "in.avi"},   {"png", "in.mov"},      {"rawvideo", "in.avi"},
      {"qtrle", "in.mov"},   {"apng", "in.apng"},    {"mpeg1video", "in.mpg"},
      {"wmv2", "in.asf"},    {"flv1", "in.flv"},     {"libtheora", "in.ogv"}};
  for (const auto& [codec, name] : sources) {
    const std::string in = dir / (std::string(codec) + name);
    Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 6 -c:v " + std::string(codec) +
           " -strict -2 " + Quote(in));
    PipelineOptions options;
    options.reader.drop_alpha = true;
    const std::string out = dir / (std::string(codec) + ".out.mkv");
    EXPECT_EQ(DoubleOk(in, out, options).frames,
              static_cast<int64_t>(FrameEntries(in, "pict_type").size()))
        << codec;
  }
}

TEST(PictureTagsTest, InterlacedPicturesAreDeinterlacedOrNamed) {
  TempDir dir;
  Ffmpeg(
      "-f lavfi -i testsrc2=s=64x48:r=50 -frames:v 40 -vf interlace -c:v libx264 -flags "
      "+ildct+ilme "
      "-x264-params tff=1 -pix_fmt yuv420p " +
      Quote(dir / "in.mkv"));
  const std::vector<double> times = FrameTimes(dir / "in.mkv");
  ASSERT_EQ(FrameEntries(dir / "in.mkv", "interlaced_frame").front(), "1");
  EXPECT_EQ(DoubleOk(dir / "in.mkv", dir / "out.mkv", WithCodec("ffv1")).warnings.size(), 0u);
  EXPECT_EQ(FrameTimes(dir / "out.mkv"), times);
  // The reference: the same filter in the ffmpeg program.
  EXPECT_EQ(FrameHashes(dir / "out.mkv", "yuv420p").size(), times.size());
  Ffmpeg("-i " + Quote(dir / "in.mkv") +
         " -vf bwdif=send_frame:auto:interlaced -fps_mode passthrough "
         "-c:v ffv1 " +
         Quote(dir / "whole.mkv"));
  DoubleOk(dir / "whole.mkv", dir / "whole2.mkv", WithCodec("ffv1"));
  EXPECT_EQ(FrameHashes(dir / "out.mkv", "yuv420p"), FrameHashes(dir / "whole2.mkv", "yuv420p"));

  PipelineOptions options;
  options.reader.deinterlace = Deinterlace::kOff;
  const PipelineReport report = DoubleOk(dir / "in.mkv", dir / "off.mkv", options);
  EXPECT_THAT(AllText(report.warnings), HasSubstr("interlaced pictures were taken as they are"));
  EXPECT_EQ(FrameEntries(dir / "off.mkv", "interlaced_frame").front(), "1");
}

// Two clips in one stream: a progressive one of 8 pictures, then an interlaced one of 8.
void MakeMixedStream(const TempDir& dir, const std::string& path) {
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 8 -c:v libx264 -bf 0 -pix_fmt yuv420p " +
         Quote(dir / "p.ts"));
  Ffmpeg(
      "-f lavfi -i testsrc2=s=64x48:r=50 -frames:v 8 -vf interlace -c:v libx264 -bf 0 -flags "
      "+ildct+ilme -x264-params tff=1 -pix_fmt yuv420p -output_ts_offset 0.32 " +
      Quote(dir / "i.ts"));
  RunShell("cat " + Quote(dir / "p.ts") + " " + Quote(dir / "i.ts") + " > " + Quote(path));
}

// What the ffmpeg program makes of the whole video with bwdif, doubled by the pipeline.
std::vector<std::string> DeinterlacedReference(const TempDir& dir, const std::string& path,
                                               const std::string& which) {
  Ffmpeg("-i " + Quote(path) + " -vf bwdif=send_frame:auto:" + which +
         " -fps_mode passthrough -c:v ffv1 " + Quote(dir / "whole.mkv"));
  PipelineOptions options = WithCodec("ffv1");
  options.reader.deinterlace = Deinterlace::kOff;
  options.writer.overwrite = true;
  DoubleOk(dir / "whole.mkv", dir / "whole2.mkv", options);
  return FrameHashes(dir / "whole2.mkv", "yuv420p");
}

TEST(PictureTagsTest, InterlacedPicturesBehindProgressiveOnesAreDeinterlaced) {
  TempDir dir;
  MakeMixedStream(dir, dir / "in.ts");
  const std::vector<std::string> marks = FrameEntries(dir / "in.ts", "interlaced_frame");
  ASSERT_EQ(marks.size(), 16u);
  ASSERT_EQ(marks.front(), "0");
  ASSERT_EQ(marks.back(), "1");
  EXPECT_THAT(AllText(DoubleOk(dir / "in.ts", dir / "out.mkv", WithCodec("ffv1")).warnings),
              Not(HasSubstr("interlaced")));
  const std::vector<double> times = FrameTimes(dir / "out.mkv");
  ASSERT_EQ(times.size(), 16u);
  for (size_t i = 1; i < times.size(); ++i) EXPECT_NEAR(times[i] - times[i - 1], 0.04, 0.0011) << i;
  const std::vector<std::string> hashes = FrameHashes(dir / "out.mkv", "yuv420p");
  EXPECT_EQ(hashes, DeinterlacedReference(dir, dir / "in.ts", "interlaced"));
  // The others are not touched.
  PipelineOptions off = WithCodec("ffv1");
  off.reader.deinterlace = Deinterlace::kOff;
  DoubleOk(dir / "in.ts", dir / "off.mkv", off);
  const std::vector<std::string> taken = FrameHashes(dir / "off.mkv", "yuv420p");
  for (size_t i = 0; i < 8; ++i) EXPECT_EQ(hashes[i], taken[i]) << i;
  const std::vector<std::string> combed(taken.begin() + 8, taken.end());
  EXPECT_NE(std::vector<std::string>(hashes.begin() + 8, hashes.end()), combed);
}

TEST(PictureTagsTest, UnmarkedPicturesAreDeinterlacedWhenAsked) {
  TempDir dir;
  Ffmpeg(
      "-f lavfi -i testsrc2=s=64x48:r=50 -frames:v 12 -vf interlace,setfield=prog -c:v libx264 " +
      std::string("-pix_fmt yuv420p ") + Quote(dir / "in.mkv"));
  ASSERT_EQ(FrameEntries(dir / "in.mkv", "interlaced_frame").front(), "0");
  PipelineOptions on = WithCodec("ffv1");
  on.reader.deinterlace = Deinterlace::kOn;
  EXPECT_EQ(DoubleOk(dir / "in.mkv", dir / "on.mkv", on).frames, 12);
  EXPECT_EQ(FrameTimes(dir / "on.mkv"), FrameTimes(dir / "in.mkv"));
  EXPECT_EQ(FrameHashes(dir / "on.mkv", "yuv420p"),
            DeinterlacedReference(dir, dir / "in.mkv", "all"));
  DoubleOk(dir / "in.mkv", dir / "auto.mkv", WithCodec("ffv1"));
  EXPECT_NE(FrameHashes(dir / "on.mkv", "yuv420p"), FrameHashes(dir / "auto.mkv", "yuv420p"));
}

// Captions in SEI messages (ATSC A/53, part 4) from the fifth picture on.
TEST(PictureTagsTest, CaptionsThatBeginLaterAreNamedOnce) {
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 8 -c:v libx264 -bf 0 -pix_fmt yuv420p " +
         std::string("-x264-params aud=1 ") + Quote(dir / "plain.h264"));
  std::ifstream plain(dir / "plain.h264", std::ios::binary);
  std::string stream{std::istreambuf_iterator<char>(plain), {}};
  const std::string delimiter("\0\0\0\1\x09", 5);
  const std::string captions("\0\0\0\1\x06\x04\x0e\xb5\0\x31GA94\x03\xc1\xff\xfc\x94\x20\xff\x80",
                             22);
  size_t at = 0;
  int pictures = 0;
  while ((at = stream.find(delimiter, at)) != std::string::npos) {
    at += delimiter.size() + 1;
    if (++pictures >= 5) stream.insert(at, captions);
  }
  ASSERT_EQ(pictures, 8);
  std::ofstream(dir / "in.h264", std::ios::binary) << stream;
  ASSERT_THAT(RunShell("ffprobe -v error -show_frames " + Quote(dir / "in.h264")),
              HasSubstr("ATSC A53"));
  const PipelineReport report = DoubleOk(dir / "in.h264", dir / "out.mkv");
  EXPECT_EQ(report.frames, 8);
  EXPECT_EQ(std::count(report.warnings.begin(), report.warnings.end(),
                       "closed captions inside the video are left out"),
            1);
}

TEST(PictureTagsTest, ImageSequenceIsAVideo) {
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 6 " + Quote(dir / "frame_%06d.png"));
  EXPECT_EQ(DoubleOk(dir / "frame_%06d.png", dir / "out.mkv").frames, 6);
}

}  // namespace
}  // namespace octoscale
