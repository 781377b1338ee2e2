// Inputs and outputs that can't work: one clear error, and nothing left behind.
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/test_run.h"

namespace octoscale {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

const char kClip[] = "-f lavfi -i testsrc2=s=64x48:r=25:d=1 -c:v libx264 -bf 2 -pix_fmt yuv420p ";

// Runs and expects an error whose message holds `text`, with the directory unchanged.
void ExpectRefused(const TempDir& dir, const std::string& input, const std::string& output,
                   StatusCode code, const std::string& text, const PipelineOptions& options = {}) {
  const std::vector<std::string> before = dir.Names();
  const Result<PipelineReport> report = Double(input, output, options);
  ASSERT_FALSE(report.ok()) << input;
  EXPECT_EQ(report.status().code(), code) << report.status().message();
  EXPECT_THAT(report.status().message(), HasSubstr(text));
  EXPECT_EQ(dir.Names(), before);
}

TEST(BadInputTest, MissingFile) {
  TempDir dir;
  ExpectRefused(dir, dir / "no.mp4", dir / "out.mp4", StatusCode::kNotFound, "no.mp4");
}

TEST(BadInputTest, Directory) {
  TempDir dir;
  ExpectRefused(dir, dir.path(), dir / "out.mp4", StatusCode::kInvalidArgument, "is a directory");
}

TEST(BadInputTest, EmptyFile) {
  TempDir dir;
  RunShell("touch " + Quote(dir / "in.mp4"));
  ExpectRefused(dir, dir / "in.mp4", dir / "out.mp4", StatusCode::kCorruptInput, "empty");
}

TEST(BadInputTest, TextNamedMp4AndTextNamedTxt) {
  TempDir dir;
  for (const char* name : {"in.mp4", "in.txt"}) {
    std::ofstream(dir / name) << "Once upon a time there was a file that was no video.\n";
    ExpectRefused(dir, dir / name, dir / "out.mp4", StatusCode::kCorruptInput, "not a media file");
  }
}

// Each names a real file beside it, and FFmpeg would open that.
TEST(BadInputTest, PlaylistsAndManifestsOpenNoOtherFile) {
  TempDir dir;
  Ffmpeg(kClip + Quote(dir / "part.ts"));
  Ffmpeg(kClip + Quote(dir / "part.mp4"));
  const std::string hls = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\npart.ts\n#EXT-X-ENDLIST\n";
  const std::string dash =
      "<?xml version=\"1.0\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" "
      "mediaPresentationDuration=\"PT1S\" profiles=\"urn:mpeg:dash:profile:isoff-on-demand:2011\">"
      "<Period><AdaptationSet mimeType=\"video/mp4\"><Representation id=\"1\" bandwidth=\"1\">"
      "<BaseURL>part.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>\n";
  const std::pair<const char*, std::string> manifests[] = {
      {"hls.mp4", hls},
      {"hls.m3u8", hls},
      {"plain.mp4", "#EXTM3U\n#EXTINF:1,A\npart.ts\n"},
      {"dash.mp4", dash},
      {"dash.mpd", dash},
      {"concat.mp4", "ffconcat version 1.0\nfile part.ts\n"},
      {"concat.txt", "ffconcat version 1.0\nfile part.ts\n"},
      {"winamp.mp4", "[playlist]\nFile1=part.ts\nNumberOfEntries=1\n"},
      {"session.mp4",
       "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
       "a=rtpmap:96 H264/90000\n"},
      {"index.mp4",
       "# VobSub index file, v7 (do not modify this line!)\nsize: 64x48\nid: en, index: 0\n"
       "timestamp: 00:00:00:000, filepos: 000000000\n"},
  };
  for (const auto& [name, text] : manifests) {
    std::ofstream(dir / name) << text;
    ExpectRefused(dir, dir / name, dir / "out.mkv", StatusCode::kUnsupported,
                  std::string(name) + ": is ");
    ExpectRefused(dir, dir / name, dir / "out.mkv", StatusCode::kUnsupported,
                  "playlists and manifests are not opened");
  }
}

TEST(BadInputTest, NamedPipe) {
  TempDir dir;
  RunShell("mkfifo " + Quote(dir / "in.mp4"));
  ExpectRefused(dir, dir / "in.mp4", dir / "out.mp4", StatusCode::kInvalidArgument, "regular file");
}

TEST(BadInputTest, Mp4WithoutItsIndex) {
  TempDir dir;
  Ffmpeg(kClip + Quote(dir / "whole.mp4"));
  RunShell("head -c 1000 " + Quote(dir / "whole.mp4") + " > " + Quote(dir / "in.mp4"));
  ExpectRefused(dir, dir / "in.mp4", dir / "out.mp4", StatusCode::kCorruptInput, "moov");
}

TEST(BadInputTest, CutOffFilesAreNotTakenForShortOnes) {
  TempDir dir;
  const std::string clip =
      "-f lavfi -i testsrc2=s=128x96:r=25:d=4 -c:v libx264 -bf 2 -pix_fmt yuv420p ";
  Ffmpeg(clip + "-movflags +faststart " + Quote(dir / "whole.mp4"));
  Ffmpeg(clip + "-cluster_time_limit 500 " + Quote(dir / "whole.mkv"));
  for (const char* name : {"mp4", "mkv"}) {
    const std::string whole = dir / (std::string("whole.") + name);
    const std::string in = dir / (std::string("in.") + name);
    RunShell("head -c $(($(stat -c %s " + Quote(whole) + ") * 7 / 10)) " + Quote(whole) + " > " +
             Quote(in));
    ExpectRefused(dir, in, dir / "refused.mp4", StatusCode::kCorruptInput, "cut off");
    PipelineOptions options;
    options.reader.allow_truncated = true;
    const std::string out = dir / (std::string("out.") + name);
    const PipelineReport report = DoubleOk(in, out, options);
    EXPECT_GT(report.frames, 3) << name;
    EXPECT_LT(report.frames, 100) << name;
    EXPECT_THAT(AllText(report.warnings), HasSubstr("cut off")) << name;
  }
}

TEST(BadInputTest, NoVideoStream) {
  TempDir dir;
  Ffmpeg("-f lavfi -i sine=d=1 -c:a aac " + Quote(dir / "in.mp4"));
  ExpectRefused(dir, dir / "in.mp4", dir / "out.mp4", StatusCode::kUnsupported, "no video stream");
}

TEST(BadInputTest, CoverArtAloneIsNoVideo) {
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=64x64 -frames:v 1 " + Quote(dir / "cover.png"));
  Ffmpeg("-f lavfi -i sine=d=1 -i " + Quote(dir / "cover.png") +
         " -map 0 -map 1 -c:a aac -c:v copy -disposition:v attached_pic " + Quote(dir / "in.m4a"));
  ExpectRefused(dir, dir / "in.m4a", dir / "out.mp4", StatusCode::kUnsupported, "no video stream");
}

TEST(BadInputTest, VideoWithoutFrames) {
  TempDir dir;
  Ffmpeg(
      "-f lavfi -i testsrc2=s=64x48:r=25:d=1 -c:v libx264 -pix_fmt yuv420p -frames:v 0 "
      "-movflags empty_moov " +
      Quote(dir / "in.mp4"));
  const Result<PipelineReport> report = Double(dir / "in.mp4", dir / "out.mp4");
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), StatusCode::kCorruptInput) << report.status().message();
  EXPECT_THAT(dir.Names(), ElementsAre("in.mp4"));
}

TEST(BadInputTest, SizeThatChangesMidStreamNamesPlaceAndSizes) {
  TempDir dir;
  Ffmpeg(kClip + Quote(dir / "a.ts"));
  Ffmpeg("-f lavfi -i testsrc2=s=96x64:r=25:d=1 -c:v libx264 -pix_fmt yuv420p " +
         Quote(dir / "b.ts"));
  RunShell("cat " + Quote(dir / "a.ts") + " " + Quote(dir / "b.ts") + " > " + Quote(dir / "in.ts"));
  ExpectRefused(dir, dir / "in.ts", dir / "out.mp4", StatusCode::kCorruptInput,
                "changes from 64x48 to 96x64 at frame 25");
}

TEST(BadInputTest, EncryptedMp4) {
  TempDir dir;
  Ffmpeg(kClip +
         std::string("-encryption_scheme cenc-aes-ctr -encryption_key "
                     "76a6c65c5ea762046bd749a2e632ccbb -encryption_kid "
                     "a7e61c373e219033c21091fa607bf3b8 ") +
         Quote(dir / "in.mp4"));
  ExpectRefused(dir, dir / "in.mp4", dir / "out.mp4", StatusCode::kUnsupported, "encrypted");
}

TEST(BadInputTest, LostPacketsAreCountedAndTheRestGoesOn) {
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25:d=2 -c:v libx264 -g 10 -pix_fmt yuv420p " +
         Quote(dir / "whole.mkv"));
  Ffmpeg("-i " + Quote(dir / "whole.mkv") + " -c copy -bsf:v " +
         Quote("noise=amount=if(eq(mod(n\\,7)\\,3)\\,40\\,0)") + " " + Quote(dir / "in.mkv"));
  const size_t decodable =
      std::stoul(RunShell("ffmpeg -v quiet -threads 1 -i " + Quote(dir / "in.mkv") +
                          " -fps_mode passthrough -f framecrc - | grep -vc '#'"));
  // What a decoder makes of damaged packets may depend on its threads.
  PipelineOptions options;
  options.reader.threads = 1;
  const PipelineReport report = DoubleOk(dir / "in.mkv", dir / "out.mkv", options);
  EXPECT_EQ(report.frames, static_cast<int64_t>(decodable));
  EXPECT_FALSE(report.warnings.empty());
}

TEST(BadInputTest, MissingKeyframeAtTheStart) {
  TempDir dir;
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25:d=2 -c:v mpeg2video -g 25 " + Quote(dir / "whole.ts"));
  RunShell("tail -c +$((188 * 8 + 1)) " + Quote(dir / "whole.ts") + " > " + Quote(dir / "in.ts"));
  EXPECT_GT(DoubleOk(dir / "in.ts", dir / "out.mkv").frames, 20);
}

TEST(BadInputTest, StartBeyondTheEnd) {
  TempDir dir;
  Ffmpeg(kClip + Quote(dir / "in.mp4"));
  PipelineOptions options;
  options.reader.start_seconds = 100;
  ExpectRefused(dir, dir / "in.mp4", dir / "out.mp4", StatusCode::kInvalidArgument, "100.000 s",
                options);
}

TEST(BadInputTest, SubtitleWithoutDuration) {
  TempDir dir;
  std::ofstream(dir / "in.srt") << "1\n00:00:00,100 --> 00:00:00,100\nNow\n\n";
  Ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25:d=1 -i " + Quote(dir / "in.srt") +
         " -c:v libx264 -pix_fmt yuv420p -c:s srt " + Quote(dir / "in.mkv"));
  for (const char* name : {"out.mkv", "out.mp4"}) {
    EXPECT_EQ(DoubleOk(dir / "in.mkv", dir / name).frames, 25);
  }
}

TEST(BadOutputTest, UnknownExtensionListsTheKnownOnes) {
  TempDir dir;
  Ffmpeg(kClip + Quote(dir / "in.mp4"));
  for (const char* name : {"out.avi", "out", "out."}) {
    ExpectRefused(dir, dir / "in.mp4", dir / name, StatusCode::kInvalidArgument,
                  "mp4, m4v, mov, mkv, webm");
  }
}

TEST(BadOutputTest, UnknownEncoderListsTheContainersEncoders) {
  TempDir dir;
  Ffmpeg(kClip + Quote(dir / "in.mp4"));
  ExpectRefused(dir, dir / "in.mp4", dir / "out.webm", StatusCode::kInvalidArgument, "libvpx-vp9",
                WithCodec("x264"));
  ExpectRefused(dir, dir / "in.mp4", dir / "out.webm", StatusCode::kInvalidArgument,
                "can't hold what encoder 'libx264' makes", WithCodec("libx264"));
  ExpectRefused(dir, dir / "in.mp4", dir / "out.mp4", StatusCode::kInvalidArgument, "libx265",
                WithCodec("aac"));
}

TEST(BadOutputTest, HardwareEncodersThatFindNoneNameThoseThatRun) {
  TempDir dir;
  Ffmpeg(kClip + Quote(dir / "in.mp4"));
  for (const std::string codec : {"h264_nvenc", "hevc_nvenc", "h264_qsv", "h264_vaapi"}) {
    if (RunShell("ffmpeg -v quiet -encoders").find(codec) == std::string::npos) continue;
    const auto report = Double(dir / "in.mp4", dir / "out.mp4", WithCodec(codec));
    if (report.ok()) continue;  // this machine has such hardware
    EXPECT_EQ(report.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(report.status().message(), HasSubstr("'" + codec + "'"));
    EXPECT_THAT(report.status().message(), HasSubstr("for .mp4 there are: "));
    EXPECT_FALSE(std::filesystem::exists(dir / "out.mp4"));
  }
}

TEST(BadOutputTest, PixelFormatThatTheEncoderLacksListsItsOwn) {
  TempDir dir;
  Ffmpeg(kClip + Quote(dir / "in.mp4"));
  PipelineOptions options;
  for (const char* format : {"yuv420p12le", "nonsense", "pal8"}) {
    options.writer.encoder.pixel_format = format;
    ExpectRefused(dir, dir / "in.mp4", dir / "out.mp4", StatusCode::kInvalidArgument, "yuv420p10le",
                  options);
  }
}

TEST(BadOutputTest, OptionsAreCheckedByTheEncoder) {
  TempDir dir;
  Ffmpeg(kClip + Quote(dir / "in.mp4"));
  PipelineOptions options;
  options.writer.encoder.extra = {{"aq-mode", "bogus"}};
  ExpectRefused(dir, dir / "in.mp4", dir / "out.mp4", StatusCode::kInvalidArgument, "aq-mode=bogus",
                options);
  options.writer.encoder.extra = {{"profile", "main"}};
  options.writer.encoder.pixel_format = "yuv444p";
  ExpectRefused(dir, dir / "in.mp4", dir / "out.mp4", StatusCode::kInvalidArgument, "main",
                options);
  options = {};
  options.writer.encoder.preset = "warp";
  ExpectRefused(dir, dir / "in.mp4", dir / "out.mp4", StatusCode::kInvalidArgument, "warp",
                options);
  options = {};
  options.writer.encoder.crf = 20;
  options.writer.encoder.codec = "prores_ks";
  ExpectRefused(dir, dir / "in.mp4", dir / "out.mov", StatusCode::kInvalidArgument, "crf", options);
}

TEST(BadOutputTest, UnknownOptionIsAWarning) {
  TempDir dir;
  Ffmpeg(kClip + Quote(dir / "in.mp4"));
  PipelineOptions options = WithCodec("libx265");
  options.writer.encoder.preset = "ultrafast";
  options.writer.encoder.extra = {{"crf", "28"}, {"sar", "1:1"}, {"movflags", "+faststart"}};
  const PipelineReport report = DoubleOk(dir / "in.mp4", dir / "out.mp4", options);
  EXPECT_THAT(AllText(report.warnings), HasSubstr("option 'sar' is unknown"));
  EXPECT_THAT(AllText(report.warnings), ::testing::Not(HasSubstr("movflags")));
  // +faststart reached the muxer: the index comes before the pictures.
  const std::string boxes =
      RunShell("grep -abo -m1 -e moov -e mdat " + Quote(dir / "out.mp4") + " | head -1");
  EXPECT_THAT(boxes, HasSubstr("moov"));
}

TEST(BadOutputTest, OutputEqualToInput) {
  TempDir dir;
  Ffmpeg(kClip + Quote(dir / "in.mp4"));
  RunShell("ln " + Quote(dir / "in.mp4") + " " + Quote(dir / "hard.mp4") + " && ln -s in.mp4 " +
           Quote(dir / "soft.mp4"));
  PipelineOptions options;
  options.writer.overwrite = true;
  for (const char* name : {"in.mp4", "hard.mp4", "soft.mp4"}) {
    ExpectRefused(dir, dir / "in.mp4", dir / name, StatusCode::kInvalidArgument,
                  "the output is the input", options);
  }
}

TEST(BadOutputTest, ExistingOutputIsKeptWithoutOverwrite) {
  TempDir dir;
  Ffmpeg(kClip + Quote(dir / "in.mp4"));
  std::ofstream(dir / "out.mp4") << "precious";
  ExpectRefused(dir, dir / "in.mp4", dir / "out.mp4", StatusCode::kAlreadyExists, "out.mp4");
  EXPECT_EQ(RunShell("cat " + Quote(dir / "out.mp4")), "precious");
  // A failed run keeps it too; a good one replaces it.
  PipelineOptions options;
  options.writer.overwrite = true;
  options.reader.start_seconds = 100;
  EXPECT_FALSE(Double(dir / "in.mp4", dir / "out.mp4", options).ok());
  EXPECT_EQ(RunShell("cat " + Quote(dir / "out.mp4")), "precious");
  options.reader.start_seconds = 0;
  EXPECT_EQ(DoubleOk(dir / "in.mp4", dir / "out.mp4", options).frames, 25);
}

TEST(BadOutputTest, MissingDirectory) {
  TempDir dir;
  Ffmpeg(kClip + Quote(dir / "in.mp4"));
  ExpectRefused(dir, dir / "in.mp4", dir / "no/out.mp4", StatusCode::kNotFound, "/no'");
}

TEST(BadOutputTest, DirectoryThatMayNotBeWritten) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  TempDir dir;
  Ffmpeg(kClip + Quote(dir / "in.mp4"));
  std::filesystem::create_directory(dir / "locked");
  std::filesystem::permissions(
      dir / "locked", std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  ExpectRefused(dir, dir / "in.mp4", dir / "locked/out.mp4", StatusCode::kIoError, "not writable");
}

TEST(BadOutputTest, DirectoryThatCannotHoldFiles) {
  TempDir dir;
  Ffmpeg(kClip + Quote(dir / "in.mp4"));
  // Not even root creates files there.
  const Result<PipelineReport> report = Double(dir / "in.mp4", "/proc/self/out.mp4");
  ASSERT_FALSE(report.ok());
  EXPECT_THAT(report.status().message(), HasSubstr("/proc/self/out.mp4"));
}

// In a child process with a limit on file sizes: writes fail with EFBIG as they would with ENOSPC.
// Exits 0 when the run failed as it should and left nothing.
int RunWithFileLimit(const TempDir& dir, const std::string& codec, const std::string& name,
                     rlim_t bytes) {
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, bytes};
    setrlimit(RLIMIT_FSIZE, &limit);
    const Result<PipelineReport> report = Double(dir / "in.mp4", dir / name, WithCodec(codec));
    if (report.ok()) _exit(10);
    if (report.status().code() != StatusCode::kResourceExhausted) _exit(11);
    if (report.status().message().find(name) == std::string::npos) _exit(12);
    _exit(dir.Names().size() == 1 ? 0 : 13);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(BadOutputTest, FileLimitWhileWritingAndWhileClosing) {
  TempDir dir;
  Ffmpeg(kClip + Quote(dir / "in.mp4"));
  // Hit while frames are written.
  EXPECT_EQ(RunWithFileLimit(dir, "ffv1", "out.mkv", 20'000), 0);
  EXPECT_EQ(RunWithFileLimit(dir, "mpeg4", "out.mp4", 4'000), 0);
  // Hit by the trailer: everything fits but the index at the end.
  ASSERT_EQ(DoubleOk(dir / "in.mp4", dir / "out.mp4", WithCodec("mpeg4")).frames, 25);
  const auto whole = static_cast<rlim_t>(std::filesystem::file_size(dir / "out.mp4"));
  std::filesystem::remove(dir / "out.mp4");
  EXPECT_EQ(RunWithFileLimit(dir, "mpeg4", "out.mp4", whole - 10), 0);
}

TEST(BadOutputTest, FullDisk) {
  TempDir dir;
  std::filesystem::create_directory(dir / "small");
  if (mount("tmpfs", (dir / "small").c_str(), "tmpfs", 0, "size=64k") != 0) {
    GTEST_SKIP() << "can't mount a small file system here; FileLimitWhileWritingAndWhileClosing "
                    "covers write errors";
  }
  Ffmpeg(kClip + Quote(dir / "in.mp4"));
  const Result<PipelineReport> report =
      Double(dir / "in.mp4", dir / "small/out.mkv", WithCodec("ffv1"));
  const bool empty = std::filesystem::is_empty(dir / "small");
  umount((dir / "small").c_str());
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), StatusCode::kResourceExhausted) << report.status().message();
  EXPECT_THAT(report.status().message(), HasSubstr("small/out.mkv"));
  EXPECT_THAT(report.status().message(), HasSubstr("No space left"));
  EXPECT_TRUE(empty);
}

TEST(BadOutputTest, NameOf255BytesWorksAndLongerIsRefused) {
  TempDir dir;
  Ffmpeg(kClip + Quote(dir / "in.mp4"));
  const std::string longest = std::string(251, 'n') + ".mp4";
  EXPECT_EQ(DoubleOk(dir / "in.mp4", dir / longest).frames, 25);
  ExpectRefused(dir, dir / "in.mp4", dir / ("n" + longest), StatusCode::kInvalidArgument,
                "longer than 255");
}

}  // namespace
}  // namespace octoscale
