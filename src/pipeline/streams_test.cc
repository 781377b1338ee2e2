// What besides the pictures survives.
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/test_run.h"
#include "video/verify.h"

namespace octoscale {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

const char kVideo[] = "-f lavfi -i testsrc2=s=64x48:r=25:d=1 ";
const char kX264[] = " -c:v libx264 -pix_fmt yuv420p ";

void WriteText(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

void WriteSubtitles(const std::string& path) {
  WriteText(path,
            "1\n00:00:00,100 --> 00:00:00,400\nFirst line\n\n"
            "2\n00:00:00,500 --> 00:00:00,900\nSecond, <i>line</i>\n\n");
}

std::string Subtitles(const std::string& path) {
  return RunShell("ffmpeg -v error -i " + Quote(path) + " -map 0:s:0 -c:s srt -f srt -");
}

double Duration(const std::string& path) {
  return std::stod(Ffprobe(path, "-show_entries format=duration").substr(9));
}

TEST(StreamsTest, AllAudioTracksAreCopiedBitForBit) {
  TempDir dir;
  Ffmpeg(std::string(kVideo) +
         "-f lavfi -i sine=f=440:d=1 -f lavfi -i sine=f=880:d=1 -map 0 -map 1 -map 2" + kX264 +
         "-c:a aac -metadata:s:a:0 language=eng -metadata:s:a:1 language=deu "
         "-metadata:s:a:1 title=Kommentar -disposition:a:0 0 -disposition:a:1 default+comment " +
         Quote(dir / "in.mkv"));
  for (const char* name : {"out.mkv", "out.mp4"}) {
    const PipelineReport report = DoubleOk(dir / "in.mkv", dir / name);
    EXPECT_EQ(report.audio_streams, 2);
    for (const char* track : {"0:a:0", "0:a:1"}) {
      const std::string hash = " -map " + std::string(track) + " -c copy -f streamhash -";
      EXPECT_EQ(RunShell("ffmpeg -v error -i " + Quote(dir / "in.mkv") + hash),
                RunShell("ffmpeg -v error -i " + Quote(dir / name) + hash));
    }
    const std::string streams = Ffprobe(dir / name,
                                        "-select_streams a:1 -show_entries "
                                        "stream_tags=language:stream_disposition=default,comment");
    EXPECT_THAT(streams, HasSubstr("disposition:default=1"));
    EXPECT_THAT(streams, HasSubstr("tag:language="));
  }
  EXPECT_THAT(Ffprobe(dir / "out.mkv", "-select_streams a:1 -show_entries stream_tags=title"),
              HasSubstr("Kommentar"));
}

TEST(StreamsTest, AudioThatTheContainerLacksIsConverted) {
  TempDir dir;
  Ffmpeg(std::string(kVideo) + "-f lavfi -i sine=d=1" + kX264 + "-c:a pcm_s16le " +
         Quote(dir / "in.mkv"));
  const PipelineReport mp4 = DoubleOk(dir / "in.mkv", dir / "out.mp4");
  EXPECT_EQ(mp4.audio_streams, 1);
  EXPECT_THAT(AllText(mp4.warnings),
              ContainsRegex("audio stream 1 .pcm_s16le. is converted to aac"));
  EXPECT_THAT(Ffprobe(dir / "out.mp4", "-select_streams a -show_entries stream=codec_name"),
              HasSubstr("aac"));
  const PipelineReport webm = DoubleOk(dir / "in.mkv", dir / "out.webm", WithCodec("libvpx-vp9"));
  EXPECT_EQ(webm.audio_streams, 1);
  for (const char* name : {"out.mp4", "out.webm"}) {
    const double seconds = std::stod(RunShell("ffmpeg -v error -i " + Quote(dir / name) +
                                              " -map 0:a -f s16le -ac 1 -ar 1000 - | wc -c")) /
                           2000;
    EXPECT_NEAR(seconds, 1, 0.06) << name;
  }
}

TEST(StreamsTest, SubtitlesAreConvertedBothWays) {
  TempDir dir;
  WriteSubtitles(dir / "in.srt");
  Ffmpeg(std::string(kVideo) + "-i " + Quote(dir / "in.srt") + kX264 + "-c:s srt " +
         Quote(dir / "in.mkv"));
  EXPECT_EQ(DoubleOk(dir / "in.mkv", dir / "out.mp4").subtitle_streams, 1);
  EXPECT_THAT(Ffprobe(dir / "out.mp4", "-select_streams s -show_entries stream=codec_name"),
              HasSubstr("mov_text"));
  EXPECT_THAT(Subtitles(dir / "out.mp4"), HasSubstr("00:00:00,100 --> 00:00:00,400\nFirst line"));
  EXPECT_THAT(Subtitles(dir / "out.mp4"), HasSubstr("00:00:00,500 --> 00:00:00,900"));

  EXPECT_EQ(DoubleOk(dir / "out.mp4", dir / "back.mkv").subtitle_streams, 1);
  EXPECT_THAT(Ffprobe(dir / "back.mkv", "-select_streams s -show_entries stream=codec_name"),
              HasSubstr("subrip"));
  EXPECT_THAT(Subtitles(dir / "back.mkv"), HasSubstr("00:00:00,100 --> 00:00:00,400\nFirst line"));

  EXPECT_EQ(DoubleOk(dir / "in.mkv", dir / "out.webm", WithCodec("libvpx-vp9")).subtitle_streams,
            1);
  EXPECT_THAT(Subtitles(dir / "out.webm"), HasSubstr("First line"));
}

TEST(StreamsTest, SubtitlesAreCopiedWhereTheContainerHoldsThem) {
  TempDir dir;
  WriteSubtitles(dir / "in.srt");
  Ffmpeg(std::string(kVideo) + "-i " + Quote(dir / "in.srt") + kX264 + "-c:s ass " +
         Quote(dir / "in.mkv"));
  EXPECT_EQ(DoubleOk(dir / "in.mkv", dir / "out.mkv").subtitle_streams, 1);
  EXPECT_THAT(Ffprobe(dir / "out.mkv", "-select_streams s -show_entries stream=codec_name"),
              HasSubstr("ass"));
  EXPECT_THAT(Subtitles(dir / "out.mkv"), HasSubstr("00:00:00,500 --> 00:00:00,900"));
}

TEST(StreamsTest, PictureSubtitlesAreCopiedOrLeftOutByName) {
  TempDir dir;
  // Blu-ray subtitles: segments of "PG", two 90 kHz times, a type (0x80: end of a display set) and
  // a length of 0.
  std::string segments;
  for (const char time : {0x10, 0x20, 0x30}) {
    segments += std::string("PG\0\0", 4) + time + std::string("\0\0\0\0\0\x80\0\0", 8);
  }
  WriteText(dir / "in.sup", segments);
  Ffmpeg(std::string(kVideo) + "-f sup -i " + Quote(dir / "in.sup") + " -map 0 -map 1" + kX264 +
         "-c:s copy " + Quote(dir / "in.mkv"));
  EXPECT_EQ(DoubleOk(dir / "in.mkv", dir / "out.mkv").subtitle_streams, 1);
  EXPECT_THAT(Ffprobe(dir / "out.mkv", "-select_streams s -show_entries stream=codec_name"),
              HasSubstr("hdmv_pgs_subtitle"));
  const PipelineReport report = DoubleOk(dir / "in.mkv", dir / "out.mp4");
  EXPECT_EQ(report.subtitle_streams, 0);
  EXPECT_THAT(AllText(report.warnings),
              HasSubstr("subtitle stream 1 (hdmv_pgs_subtitle) is left out"));
}

TEST(StreamsTest, ChaptersAndMetadataAreKept) {
  TempDir dir;
  WriteText(dir / "meta.txt",
            ";FFMETADATA1\ntitle=A; film \\= \"quoted\"\nartist=Someone\n"
            "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=400\ntitle=One\n"
            "[CHAPTER]\nTIMEBASE=1/1000\nSTART=400\nEND=1000\ntitle=Two\n");
  RunShell("sed -i 's/A; film/A film/' " + Quote(dir / "meta.txt"));
  Ffmpeg(std::string(kVideo) + "-i " + Quote(dir / "meta.txt") + " -map_metadata 1 -map 0" + kX264 +
         Quote(dir / "in.mkv"));
  for (const char* name : {"out.mkv", "out.mp4", "out.mov"}) {
    const PipelineReport report = DoubleOk(dir / "in.mkv", dir / name);
    EXPECT_EQ(report.chapters, 2);
    const std::string chapters = Ffprobe(
        dir / name, "-show_chapters -show_entries chapter=start_time,end_time:chapter_tags=title");
    EXPECT_THAT(chapters, HasSubstr("start_time=0.400000|end_time=1.000000|tag:title=Two")) << name;
    const std::string tags = Ffprobe(dir / name, "-show_entries format_tags=title,artist");
    EXPECT_THAT(tags, HasSubstr("title=A film")) << name;
    EXPECT_THAT(tags, HasSubstr("Someone")) << name;
  }
  PipelineOptions options;
  options.writer.copy_chapters = false;
  options.writer.copy_metadata = false;
  EXPECT_EQ(DoubleOk(dir / "in.mkv", dir / "bare.mkv", options).chapters, 0);
  EXPECT_THAT(Ffprobe(dir / "bare.mkv", "-show_chapters -show_entries format_tags"),
              Not(HasSubstr("film")));
}

TEST(StreamsTest, UnusualTagsAreKeptInEveryContainer) {
  TempDir dir;
  Ffmpeg(std::string(kVideo) + kX264 + "-metadata title=T -metadata catalogue=K9 " +
         Quote(dir / "in.mkv"));
  for (const char* name : {"out.mkv", "out.mp4", "out.mov"}) {
    DoubleOk(dir / "in.mkv", dir / name);
    const std::string tags = Ffprobe(dir / name, "-show_entries format_tags");
    EXPECT_THAT(tags, HasSubstr("title=T")) << name;
    EXPECT_THAT(tags, ContainsRegex("[cC][aA][tT][aA][lL][oO][gG][uU][eE]=K9")) << name;
  }
}

TEST(StreamsTest, ChaptersAreCutToTheAskedPart) {
  TempDir dir;
  WriteText(dir / "meta.txt",
            ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=400\ntitle=One\n"
            "[CHAPTER]\nTIMEBASE=1/1000\nSTART=400\nEND=1000\ntitle=Two\n");
  Ffmpeg(std::string(kVideo) + "-i " + Quote(dir / "meta.txt") + " -map_metadata 1 -map 0" + kX264 +
         Quote(dir / "in.mkv"));
  PipelineOptions options;
  options.reader.start_seconds = 0.6;
  EXPECT_EQ(DoubleOk(dir / "in.mkv", dir / "out.mkv", options).chapters, 1);
  EXPECT_THAT(
      Ffprobe(dir / "out.mkv",
              "-show_chapters -show_entries chapter=start_time,end_time:chapter_tags=title"),
      HasSubstr("start_time=0.000000|end_time=0.400000|tag:title=Two"));
}

TEST(StreamsTest, ChaptersEndWithTheAskedPart) {
  TempDir dir;
  WriteText(dir / "meta.txt",
            ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=200\ntitle=One\n"
            "[CHAPTER]\nTIMEBASE=1/1000\nSTART=200\nEND=600\ntitle=Two\n"
            "[CHAPTER]\nTIMEBASE=1/1000\nSTART=600\nEND=90000\ntitle=Three\n");
  Ffmpeg(std::string(kVideo) + "-i " + Quote(dir / "meta.txt") + " -map_metadata 1 -map 0" + kX264 +
         Quote(dir / "in.mkv"));
  PipelineOptions options;
  options.writer.overwrite = true;
  for (const bool by_frames : {false, true}) {
    options.reader.frames = by_frames ? 10 : 0;
    options.reader.duration_seconds = by_frames ? 0 : 0.4;
    for (const char* name : {"out.mp4", "out.mov", "out.mkv"}) {
      EXPECT_EQ(DoubleOk(dir / "in.mkv", dir / name, options).chapters, 2) << name;
      const std::string chapters =
          Ffprobe(dir / name,
                  "-show_chapters -show_entries chapter=start_time,end_time:chapter_tags=title");
      EXPECT_THAT(chapters, HasSubstr("start_time=0.000000|end_time=0.200000|tag:title=One"));
      EXPECT_THAT(chapters, HasSubstr("start_time=0.200000|end_time=0.400000|tag:title=Two"));
      EXPECT_THAT(chapters, Not(HasSubstr("Three")));
      EXPECT_NEAR(Duration(dir / name), 0.4, 0.001) << name;
    }
  }
  // A limit behind the end cuts nothing.
  options.reader.frames = 1000;
  EXPECT_EQ(DoubleOk(dir / "in.mkv", dir / "out.mkv", options).chapters, 3);
}

TEST(StreamsTest, SubtitlesThatOverlapTheEndAreShortened) {
  TempDir dir;
  WriteText(dir / "in.srt", "1\n00:00:00,200 --> 00:01:00,000\nA long one\n\n");
  Ffmpeg(std::string(kVideo) + "-i " + Quote(dir / "in.srt") + kX264 + "-c:s srt " +
         Quote(dir / "even.mkv"));
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25:d=1 -i " + Quote(dir / "in.srt") + " -vf " +
         Quote("setpts=if(lt(N\\,5)\\,N\\,N+5)/25/TB") + " -fps_mode passthrough" + kX264 +
         "-bf 3 -c:s srt " + Quote(dir / "uneven.mkv"));
  PipelineOptions options;
  options.writer.overwrite = true;
  struct Case {
    const char* input;
    double start, duration;
    int64_t frames;
    double expected;
  };
  // Of the uneven one, the picture that follows the tenth is shown at 15/25 s.
  const Case cases[] = {{"even.mkv", 0, 0.6, 0, 0.6},
                        {"even.mkv", 0, 0, 15, 0.6},
                        {"even.mkv", 0.4, 0, 10, 0.4},
                        {"uneven.mkv", 0, 0, 10, 0.6}};
  for (const Case& c : cases) {
    options.reader.start_seconds = c.start;
    options.reader.duration_seconds = c.duration;
    options.reader.frames = c.frames;
    for (const char* name : {"out.mkv", "out.mp4"}) {
      EXPECT_EQ(DoubleOk(dir / c.input, dir / name, options).subtitle_streams, 1);
      EXPECT_NEAR(Duration(dir / name), c.expected, 0.002) << name << ' ' << c.frames;
      EXPECT_THAT(Subtitles(dir / name), HasSubstr("A long one"));
    }
  }
  // Without a limit it keeps its length.
  DoubleOk(dir / "even.mkv", dir / "whole.mkv");
  EXPECT_NEAR(Duration(dir / "whole.mkv"), 60, 0.1);
}

TEST(StreamsTest, AttachmentsAreKeptInMatroskaAndNamedElsewhere) {
  TempDir dir;
  WriteText(dir / "font.ttf", "not really a font");
  Ffmpeg(std::string(kVideo) + kX264 + "-attach " + Quote(dir / "font.ttf") +
         " -metadata:s:t mimetype=application/x-truetype-font " + Quote(dir / "in.mkv"));
  EXPECT_EQ(DoubleOk(dir / "in.mkv", dir / "out.mkv").attachments, 1);
  RunShell("cd " + Quote(dir.path()) +
           " && ffmpeg -v error -dump_attachment:t:0 found.ttf -i out.mkv -f null - ; "
           "cmp font.ttf found.ttf");
  const PipelineReport report = DoubleOk(dir / "in.mkv", dir / "out.mp4");
  EXPECT_EQ(report.attachments, 0);
  EXPECT_THAT(AllText(report.warnings), HasSubstr("font.ttf"));
  PipelineOptions options;
  options.writer.copy_attachments = false;
  EXPECT_EQ(DoubleOk(dir / "in.mkv", dir / "bare.mkv", options).attachments, 0);
}

TEST(StreamsTest, CoverArtIsNotTheVideoAndIsKept) {
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=200x200 -frames:v 1 " + Quote(dir / "cover.png"));
  Ffmpeg(std::string(kVideo) + "-i " + Quote(dir / "cover.png") + " -map 1 -map 0" + kX264 +
         "-c:v:0 copy -disposition:v:0 attached_pic " + Quote(dir / "in.mp4"));
  for (const char* name : {"out.mp4", "out.mkv"}) {
    const PipelineReport report = DoubleOk(dir / "in.mp4", dir / name);
    EXPECT_EQ(report.width, 128);
    EXPECT_EQ(report.frames, 25);
    EXPECT_EQ(report.attachments, 1);
    const std::string streams = Ffprobe(
        dir / name,
        "-select_streams v -show_entries stream=codec_name,width:stream_disposition=attached_pic");
    EXPECT_THAT(streams, HasSubstr("codec_name=png|width=200|disposition:attached_pic=1")) << name;
    EXPECT_THAT(streams, HasSubstr("codec_name=h264|width=128|disposition:attached_pic=0")) << name;
  }
  // From Matroska, where covers are attached files, and back.
  EXPECT_EQ(DoubleOk(dir / "out.mkv", dir / "again.mkv").attachments, 1);
  EXPECT_EQ(DoubleOk(dir / "out.mkv", dir / "again.mp4").attachments, 1);
}

TEST(StreamsTest, RotationIsKept) {
  TempDir dir;
  Ffmpeg(std::string(kVideo) + kX264 + Quote(dir / "plain.mp4"));
  Ffmpeg("-i " + Quote(dir / "plain.mp4") + " -c copy -metadata:s:v rotate=90 " +
         Quote(dir / "in.mp4"));
  const std::string rotation = Ffprobe(dir / "in.mp4", "-show_entries stream_side_data=rotation");
  ASSERT_THAT(rotation, HasSubstr("90"));
  for (const char* name : {"out.mp4", "out.mov"}) {
    DoubleOk(dir / "in.mp4", dir / name);
    EXPECT_EQ(Ffprobe(dir / name, "-show_entries stream_side_data=rotation"), rotation);
  }
}

// Matroska and WebM have no mark for viewers: the pixels themselves are turned.
TEST(StreamsTest, RotatedPicturesAreUprightInMatroska) {
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=32x24:r=25 -frames:v 3 -vf setsar=4/3 -c:v libx264rgb -qp 0 " +
         Quote(dir / "plain.mp4"));
  for (const int degrees : {90, 180, 270}) {
    const std::string input = dir / ("in" + std::to_string(degrees) + ".mp4");
    const std::string output = dir / ("out" + std::to_string(degrees) + ".mkv");
    Ffmpeg("-i " + Quote(dir / "plain.mp4") +
           " -c copy -metadata:s:v rotate=" + std::to_string(degrees) + " " + Quote(input));
    DoubleOk(input, output, WithCodec("ffv1"));
    const bool lying = degrees == 180;
    // ffmpeg turns what it decodes.
    EXPECT_EQ(FrameHashes(output, "gbrp"),
              FrameHashes(input, "gbrp",
                          lying ? "scale=64:48:flags=neighbor" : "scale=48:64:flags=neighbor"))
        << degrees;
    EXPECT_EQ(VideoEntry(output, "sample_aspect_ratio"), lying ? "4:3" : "3:4");
    const Result<VerifyReport> report = VerifyVideo(input, output, {});
    ASSERT_TRUE(report.ok()) << report.status().message();
    EXPECT_EQ(report->Failures(), "") << degrees;
  }
}

TEST(StreamsTest, TimecodeIsKept) {
  TempDir dir;
  Ffmpeg(std::string(kVideo) + kX264 + "-timecode 01:02:03:04 " + Quote(dir / "in.mov"));
  for (const char* name : {"out.mov", "out.mkv", "out.mp4"}) {
    const PipelineReport report = DoubleOk(dir / "in.mov", dir / name);
    EXPECT_THAT(RunShell("ffprobe -v error -show_streams -show_format " + Quote(dir / name)),
                ContainsRegex("[tT][iI][mM][eE][cC][oO][dD][eE]=01:02:03:04"))
        << name;
  }
}

TEST(StreamsTest, EachKindCanBeLeftOut) {
  TempDir dir;
  WriteSubtitles(dir / "in.srt");
  Ffmpeg(std::string(kVideo) + "-f lavfi -i sine=d=1 -i " + Quote(dir / "in.srt") + kX264 +
         "-c:a aac -c:s srt " + Quote(dir / "in.mkv"));
  PipelineOptions options;
  options.writer.copy_audio = false;
  options.writer.copy_subtitles = false;
  const PipelineReport report = DoubleOk(dir / "in.mkv", dir / "out.mkv", options);
  EXPECT_EQ(report.audio_streams, 0);
  EXPECT_EQ(report.subtitle_streams, 0);
  EXPECT_EQ(Ffprobe(dir / "out.mkv", "-show_entries stream=codec_type"), "codec_type=video");
}

TEST(StreamsTest, SecondVideoStreamIsNamed) {
  TempDir dir;
  Ffmpeg(
      "-f lavfi -i testsrc2=s=32x32:r=25:d=1 -f lavfi -i testsrc2=s=64x48:r=25:d=1 -map 0 -map 1 "
      "-c:v libx264 -pix_fmt yuv420p -disposition:v:0 0 -disposition:v:1 default " +
      Quote(dir / "in.mkv"));
  const PipelineReport report = DoubleOk(dir / "in.mkv", dir / "out.mkv");
  EXPECT_EQ(report.width, 128);
  EXPECT_THAT(AllText(report.warnings), HasSubstr("2 video streams; stream 1 is upscaled"));
}

TEST(StreamsTest, AwkwardFileNamesWork) {
  TempDir dir;
  Ffmpeg(std::string(kVideo) + kX264 + Quote(dir / "plain.mkv"));
  for (const std::string name : {"with space", "quote'\"", "new\nline", "%d %03d", "-dash", "a:b",
                                 "\xf0\x9f\x90\x99", "*?[x]"}) {
    std::filesystem::copy(dir / "plain.mkv", dir / (name + ".mkv"));
    EXPECT_EQ(DoubleOk(dir / (name + ".mkv"), dir / (name + ".mp4")).frames, 25) << name;
    EXPECT_TRUE(std::filesystem::exists(dir / (name + ".mp4"))) << name;
  }
}

TEST(StreamsTest, MegabyteOfMetadataIsKept) {
  TempDir dir;
  WriteText(dir / "meta.txt", ";FFMETADATA1\ncomment=" + std::string(1 << 20, 'x') + "\n");
  Ffmpeg(std::string(kVideo) + "-i " + Quote(dir / "meta.txt") + " -map_metadata 1 -map 0" + kX264 +
         Quote(dir / "in.mkv"));
  for (const char* name : {"out.mkv", "out.mp4"}) {
    DoubleOk(dir / "in.mkv", dir / name);
    EXPECT_GT(Ffprobe(dir / name, "-show_entries format_tags").size(), size_t{1} << 20) << name;
  }
}

}  // namespace
}  // namespace octoscale
