#include "cli/video2x_args.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/video2x_console.h"
#include "cli/video2x_options.h"

namespace octoscale {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

using Words = std::vector<std::string>;

const Words kBase = {"-i", "in.mp4", "-o", "out.mp4", "-p", "realesrgan", "-s", "2"};

Words With(const Words& more) {
  Words words = kBase;
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

Video2xArgs Parse(const Words& words, const char* drop_tail = nullptr) {
  const Result<Video2xArgs> args = ParseVideo2xArgs(words, drop_tail);
  EXPECT_TRUE(args.ok()) << args.status().message();
  return args.ok() ? *args : Video2xArgs();
}

std::string Refusal(const Words& words, const char* drop_tail = nullptr) {
  const Result<Video2xArgs> args = ParseVideo2xArgs(words, drop_tail);
  if (args.ok()) return "accepted";
  EXPECT_EQ(args.status().code(), StatusCode::kInvalidArgument);
  return args.status().message();
}

TEST(Video2xArgsTest, Defaults) {
  const Video2xArgs args = Parse(kBase);
  EXPECT_EQ(args.action, Video2xAction::kRun);
  EXPECT_EQ(args.input, "in.mp4");
  EXPECT_EQ(args.output, "out.mp4");
  EXPECT_EQ(args.engine.model, "realesr-animevideov3");
  EXPECT_EQ(args.engine.scale, 2);
  EXPECT_EQ(args.writer.encoder.codec, "libx264");
  EXPECT_EQ(args.writer.encoder.pixel_format, "auto");
  EXPECT_EQ(args.writer.encoder.crf, 23);
  EXPECT_TRUE(args.writer.overwrite);
  EXPECT_TRUE(args.writer.copy_audio && args.writer.copy_subtitles);
  EXPECT_TRUE(args.progress);
  EXPECT_EQ(args.drop_tail, 0);
  EXPECT_THAT(args.warnings, IsEmpty());
}

TEST(Video2xArgsTest, EverySpelling) {
  for (const Words& scale : std::vector<Words>{{"-s", "3"},
                                               {"-s3"},
                                               {"--scaling-factor", "3"},
                                               {"--scaling-factor=3"},
                                               {"--scal", "3"}}) {
    Words words = {"--input=a=b.mp4", "--output", "out.mp4", "--processor=realesrgan"};
    words.insert(words.end(), scale.begin(), scale.end());
    const Video2xArgs args = Parse(words);
    EXPECT_EQ(args.engine.scale, 3);
    EXPECT_EQ(args.input, "a=b.mp4");
  }
  // Flags may share a dash, and the last letter may take the value.
  EXPECT_TRUE(Parse({"-bi", "in.mp4", "-prealesrgan", "-s2"}).benchmark);
}

TEST(Video2xArgsTest, SeveralPairsAfterOneE) {
  const Video2xArgs args =
      Parse(With({"-e", "preset=slow", "crf=20", "-c", "libx265", "-e", "x265-params=a=1:b=2",
                  "--extra-encoder-option=tune=grain"}));
  EXPECT_THAT(args.writer.encoder.extra,
              ElementsAre(Pair("preset", "slow"), Pair("crf", "20"), Pair("x265-params", "a=1:b=2"),
                          Pair("tune", "grain")));
  EXPECT_EQ(args.writer.encoder.codec, "libx265");
  EXPECT_FALSE(args.writer.encoder.crf.has_value());
}

TEST(Video2xArgsTest, EncoderNumbers) {
  const Video2xArgs args = Parse(
      With({"--bit-rate=5000000", "--rc-buffer-size", "100", "--rc-min-rate=1", "--rc-max-rate=2",
            "--qmin", "-1", "--qmax=40", "--gop-size=12", "--max-b-frames=0", "--keyint-min=3",
            "--refs=4", "--thread-count=5", "--delay=6"}));
  const EncoderOptions& encoder = args.writer.encoder;
  EXPECT_EQ(encoder.bit_rate, 5000000);
  EXPECT_EQ(encoder.rc_buffer_size, 100);
  EXPECT_EQ(encoder.rc_min_rate, 1);
  EXPECT_EQ(encoder.rc_max_rate, 2);
  EXPECT_EQ(encoder.qmin, -1);
  EXPECT_EQ(encoder.qmax, 40);
  EXPECT_EQ(encoder.gop_size, 12);
  EXPECT_EQ(encoder.max_b_frames, 0);
  EXPECT_EQ(encoder.keyint_min, 3);
  EXPECT_EQ(encoder.refs, 4);
  EXPECT_EQ(encoder.threads, 5);
  EXPECT_EQ(encoder.delay, 6);
  EXPECT_FALSE(encoder.crf.has_value());
}

TEST(Video2xArgsTest, ModelsNoiseAndScales) {
  const Video2xArgs plus = Parse(With({"--realesrgan-model", "realesrgan-plus"}));
  EXPECT_EQ(plus.engine.model, "realesrgan-x4plus");
  EXPECT_TRUE(plus.engine.resample);
  EXPECT_THAT(plus.warnings, ElementsAre(HasSubstr("no scale 2")));
  EXPECT_EQ(Parse(With({"--realesrgan-model=realesrgan-plus-anime"})).engine.model,
            "realesrgan-x4plus-anime");
  EXPECT_EQ(Parse(With({"--realesrgan-model=realesr-generalv3", "-n", "-1"})).engine.model,
            "realesr-general-x4v3");
  EXPECT_THAT(Parse(With({"-n", "1"})).warnings, ElementsAre(HasSubstr("no effect")));
  EXPECT_THAT(Refusal(With({"-n", "2"})), HasSubstr("-1 to 1"));
  EXPECT_THAT(Refusal(With({"--realesrgan-model=x"})), HasSubstr("realesrgan-plus-anime"));
}

TEST(Video2xArgsTest, StreamsAndIgnoredOptions) {
  const WriterOptions none = Parse(With({"--no-copy-streams"})).writer;
  EXPECT_FALSE(none.copy_audio || none.copy_subtitles);
  const WriterOptions silent = Parse(With({"--no-copy-audio-streams"})).writer;
  EXPECT_FALSE(silent.copy_audio);
  EXPECT_TRUE(silent.copy_subtitles);
  EXPECT_FALSE(Parse(With({"--no-copy-subtitle-streams"})).writer.copy_subtitles);
  const Video2xArgs args = Parse(
      With({"-w", "1920", "-h", "1080", "-m", "2", "-t", "10", "--rife-uhd", "--rife-model=rife",
            "--libplacebo-shader=x", "--no-recalculate-pts", "-a", "none", "-d", "0"}));
  EXPECT_EQ(args.action, Video2xAction::kRun);
  EXPECT_THAT(args.warnings, IsEmpty());
  EXPECT_THAT(Parse(With({"-a", "cuda"})).warnings, ElementsAre(HasSubstr("cuda")));
}

TEST(Video2xArgsTest, DropTail) {
  EXPECT_EQ(Parse(kBase, "2").drop_tail, 2);
  EXPECT_EQ(Parse(kBase, "").drop_tail, 0);
  for (const char* bad : {"-1", "two", "1.5", "9999"}) {
    EXPECT_THAT(Refusal(kBase, bad), HasSubstr("OCTOSCALE_VIDEO2X_DROP_TAIL"));
  }
}

TEST(Video2xArgsTest, Actions) {
  EXPECT_EQ(Parse({}).action, Video2xAction::kHelp);
  EXPECT_EQ(Parse({"--help"}).action, Video2xAction::kHelp);
  EXPECT_EQ(Parse({"-V"}).action, Video2xAction::kVersion);
  EXPECT_EQ(Parse({"--list-devices"}).action, Video2xAction::kListDevices);
}

TEST(Video2xArgsTest, WhatIsRefused) {
  const std::vector<std::pair<Words, const char*>> cases = {
      {{"-o", "o.mp4", "-p", "realesrgan", "-s2"}, "an input is required"},
      {{"-i", "i.mp4", "-p", "realesrgan", "-s2"}, "an output is required"},
      {{"-i", "i.mp4", "-o", "o.mp4", "-s2"}, "a processor is required"},
      {{"-i", "i.mp4", "-o", "o.mp4", "-p", "realesrgan"}, "a scaling factor is required"},
      {{"-i", "i.mp4", "-o", "o.mp4", "-p", "rife", "-s2"}, "processor 'rife' is not available"},
      {{"-i", "i.mp4", "-o", "o.mp4", "-p", "x", "-s2"}, "no processor 'x'"},
      {With({"-s", "2"}), "given twice"},
      {With({"-e", "preset"}), "KEY=VALUE"},
      {With({"-e", "=1"}), "KEY=VALUE"},
      {With({"-e"}), "needs a value"},
      {With({"--codec", "--no-progress"}), "needs a value"},
      {With({"--no-progress=1"}), "takes no value"},
      {With({"stray"}), "'stray' belongs to no option"},
      {With({"--frobnicate"}), "unknown option '--frobnicate'"},
      {With({"-x"}), "unknown option '-x'"},
      {With({"--re", "1"}), "could be --refs, --realesrgan-model, --realcugan-model"},
      {With({"--qmax", "many"}), "'many'"},
      {With({"--qmax", "1.5"}), "'1.5'"},
      {With({"--gop-size=99999999999"}), "'99999999999'"},
      {With({"-d", "1"}), "no device 1"},
      {With({"-a", "magic"}), "'magic'"},
      {With({"-h", "0"}), "--height"},
      {With({"--log-level", "loud"}), "'loud'"},
      {With({"--realesrgan-model=realesr-generalv3", "-n", "1"}), "realesr-general-wdn-x4v3"},
  };
  for (const auto& [words, text] : cases) EXPECT_THAT(Refusal(words), HasSubstr(text));
  for (const char* scale : {"1", "5", "2x", ""}) {
    EXPECT_THAT(Refusal({"-i", "i", "-o", "o", "-p", "realesrgan", "-s", scale}),
                HasSubstr("2 to 4"));
  }
}

TEST(Video2xOptionsTest, HelpNamesEveryOption) {
  const std::string help = Video2xHelp();
  for (const Video2xOption& option : Video2xOptions()) {
    EXPECT_THAT(help, HasSubstr("--" + std::string(option.name)));
  }
}

TEST(Video2xConsoleTest, ProgressText) {
  EXPECT_EQ(Video2xProgressText({50, 200, 25}),
            "frame=50/200 (25.00%); fps=2.00; elapsed=00:00:25; remaining=00:01:15");
  EXPECT_EQ(Video2xProgressText({0, 200, 0}),
            "frame=0/200 (0.00%); fps=0.00; elapsed=00:00:00; remaining=00:00:00");
  EXPECT_EQ(Video2xProgressText({7, 0, 2}),
            "frame=7/0 (0.00%); fps=3.50; elapsed=00:00:02; remaining=00:00:00");
  EXPECT_EQ(HoursMinutesSeconds(100 * 3600 + 61), "100:01:01");
}

}  // namespace
}  // namespace octoscale
