// octoscale upscale on pictures and folders.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "image/image.h"
#include "tests/integration/media.h"
#include "tests/integration/program.h"

namespace octoscale::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(UpscalePictureTest, SixteenBitsAndAlphaAreKept) {
  TemporaryFolder folder;
  Ffmpeg({"-f", "lavfi", "-i", "testsrc2=size=40x30", "-frames:v", "1", "-vf",
          "format=rgba64be,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='if(lt(X,20),0,65535)'",
          folder / "in.png"});
  const ProgramResult result =
      RunOctoscale({"upscale", folder / "in.png", "-o", folder / "out.png", "-s", "3"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("1 frame of 120x90"));
  const auto image = ReadImageFile(folder / "out.png");
  ASSERT_TRUE(image.ok()) << image.status().message();
  EXPECT_EQ(image->frame.size(), (FrameSize{120, 90}));
  EXPECT_EQ(image->frame.sample_type(), SampleType::kU16);
  ASSERT_TRUE(image->alpha.has_value());
  const auto* alpha = reinterpret_cast<const uint16_t*>(image->alpha->row(45));
  EXPECT_EQ(alpha[10], 0);
  EXPECT_EQ(alpha[110], 65535);
}

TEST(UpscalePictureTest, JpegInAndOut) {
  TemporaryFolder folder;
  Ffmpeg({"-f", "lavfi", "-i", "testsrc2=size=40x30", "-frames:v", "1", folder / "in.jpg"});
  for (const std::string name : {"out.jpg", "out.png", "out.webp"}) {
    const ProgramResult result = RunOctoscale({"upscale", folder / "in.jpg", "-o", folder / name});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const auto image = ReadImageFile(folder / name);
    ASSERT_TRUE(image.ok()) << image.status().message();
    EXPECT_EQ(image->frame.size(), (FrameSize{80, 60}));
  }
}

TEST(UpscalePictureTest, OrientationAndProfileOfAJpeg) {
  TemporaryFolder folder;
  Ffmpeg({"-f", "lavfi", "-i", "testsrc2=size=40x30", "-frames:v", "1", folder / "plain.jpg"});
  const std::string plain = ReadFile(folder / "plain.jpg");
  // EXIF: one entry, 0x0112 = 6, to be turned clockwise by a quarter. ICC: an RGB profile's header,
  // which libpng checks.
  const std::string exif = std::string("\xFF\xE1\x00\x22", 4) + std::string("Exif\0\0", 6) +
                           std::string(
                               "MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06"
                               "\0\0\0\0\0\0",
                               26);
  std::string profile(400, '\0');
  for (size_t i = 132; i < profile.size(); ++i) profile[i] = static_cast<char>(i * i * 31 >> 3);
  profile[2] = static_cast<char>(profile.size() >> 8);
  profile[3] = static_cast<char>(profile.size());
  profile.replace(12, 12, "mntrRGB XYZ ");
  profile.replace(36, 4, "acsp");
  profile.replace(68, 12, std::string("\0\0\xF6\xD6\0\x01\0\0\0\0\xD3\x2D", 12));  // D50
  std::string icc = std::string("ICC_PROFILE\0\x01\x01", 14) + profile;
  const size_t bytes = icc.size() + 2;
  icc = std::string("\xFF\xE2", 2) + static_cast<char>(bytes >> 8) +
        static_cast<char>(bytes & 255) + icc;
  WriteFile(folder / "in.jpg", plain.substr(0, 2) + exif + icc + plain.substr(2));
  for (const std::string name : {"out.jpg", "out.png", "out.webp"}) {
    const ProgramResult result = RunOctoscale({"upscale", folder / "in.jpg", "-o", folder / name});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const auto image = ReadImageFile(folder / name);
    ASSERT_TRUE(image.ok()) << image.status().message();
    EXPECT_EQ(image->frame.size(), (FrameSize{60, 80})) << name;
    EXPECT_EQ(std::string(image->icc_profile.begin(), image->icc_profile.end()), profile) << name;
  }
}

TEST(UpscalePictureTest, WebpKeepsItsAlpha) {
  TemporaryFolder folder;
  Ffmpeg({"-f", "lavfi", "-i", "testsrc2=size=40x30", "-frames:v", "1", "-vf",
          "format=bgra,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='if(lt(X,20),0,255)'", "-lossless",
          "1", folder / "in.webp"});
  const ProgramResult result =
      RunOctoscale({"upscale", folder / "in.webp", "-o", folder / "out.webp"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto image = ReadImageFile(folder / "out.webp");
  ASSERT_TRUE(image.ok()) << image.status().message();
  EXPECT_EQ(image->frame.size(), (FrameSize{80, 60}));
  ASSERT_TRUE(image->alpha.has_value());
  EXPECT_EQ(image->alpha->row(30)[5], 0);
  EXPECT_EQ(image->alpha->row(30)[75], 255);
}

TEST(UpscalePictureTest, SixteenBitsThatAreLostAreNamed) {
  TemporaryFolder folder;
  Ffmpeg({"-f", "lavfi", "-i", "testsrc2=size=16x16,format=rgb48", "-frames:v", "1",
          folder / "in.png"});
  const auto messages = [&](const std::string& output) {
    const ProgramResult result = RunOctoscale({"upscale", folder / "in.png", "-o", output});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.err;
  };
  EXPECT_THAT(messages(folder / "out.webp"), HasSubstr("from 16 to 8 bits"));
  EXPECT_THAT(messages(folder / "out.png"), Not(HasSubstr("8 bits")));
}

TEST(UpscalePictureTest, RefusalsNameTheRemedy) {
  TemporaryFolder folder;
  Ffmpeg({"-f", "lavfi", "-i", "color=red@0.5:size=16x16,format=rgba", "-frames:v", "1",
          folder / "in.png"});
  const auto refusal = [&](const std::string& output, int exit_code) {
    const ProgramResult result = RunOctoscale({"upscale", folder / "in.png", "-o", output});
    EXPECT_EQ(result.exit_code, exit_code) << output;
    EXPECT_THAT(result.err, HasSubstr("octoscale: error: "));
    return result.err;
  };
  EXPECT_THAT(refusal(folder / "out.mp4", 2), HasSubstr(".png"));
  EXPECT_THAT(refusal(folder / "out.jpg", 2), HasSubstr("transparency"));
  EXPECT_THAT(refusal(folder / "in.png", 2), HasSubstr("the output is the input"));
  EXPECT_THAT(refusal(folder / "no/out.png", 1), HasSubstr("no/out.png"));
  WriteFile(folder / "old.png", "x");
  EXPECT_THAT(refusal(folder / "old.png", 1), HasSubstr("-y"));
  EXPECT_EQ(ReadFile(folder / "old.png"), "x");
  const std::string whole = ReadFile(folder / "in.png");
  WriteFile(folder / "in.png", whole.substr(0, whole.size() / 2));
  EXPECT_THAT(refusal(folder / "out.png", 1), HasSubstr("in.png: damaged PNG"));
  EXPECT_THAT(folder.Names(), ElementsAre("in.png", "old.png"));
}

class UpscaleListTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_ / "more");
    MakeClip(folder_ / "clip.mp4", {.width = 32, .height = 24, .frames = 3});
    MakeClip(folder_ / "more/other.mkv", {.width = 32, .height = 24, .frames = 2});
    Ffmpeg({"-f", "lavfi", "-i", "testsrc2=size=20x10", "-frames:v", "1", folder_ / "p.png"});
  }
  TemporaryFolder folder_;
};

TEST_F(UpscaleListTest, FilesAndFoldersGoOnAfterABadOne) {
  WriteFile(folder_ / "broken.mp4", "this is no video");
  const ProgramResult result =
      RunOctoscale({"upscale", folder_ / "clip.mp4", folder_ / "broken.mp4", folder_ / "none.mp4",
                    folder_ / "p.png", folder_ / "more", "-o", folder_ / "out"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("3 of 5 files done, 2 failed; 6 frames"));
  EXPECT_THAT(result.err, HasSubstr("broken.mp4"));
  EXPECT_THAT(result.err, HasSubstr("none.mp4: no such file"));
  for (const char* name : {"out/clip.mp4", "out/p.png", "out/other.mkv"}) {
    EXPECT_TRUE(std::filesystem::exists(folder_ / name)) << name;
  }
}

TEST_F(UpscaleListTest, NamesThatMeetAndAnOutputThatIsAFileAreRefused) {
  MakeClip(folder_ / "more/clip.mp4", {.width = 32, .height = 24, .frames = 1});
  const ProgramResult meet =
      RunOctoscale({"upscale", folder_ / "clip.mp4", folder_ / "more", "-o", folder_ / "out"});
  EXPECT_EQ(meet.exit_code, 2);
  EXPECT_THAT(meet.err, HasSubstr("would both be written to 'clip.mp4'"));
  const ProgramResult file = RunOctoscale(
      {"upscale", folder_ / "clip.mp4", folder_ / "p.png", "-o", folder_ / "clip.mp4"});
  EXPECT_EQ(file.exit_code, 2);
  EXPECT_THAT(file.err, HasSubstr("several inputs need a folder"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
}

TEST_F(UpscaleListTest, NumberedPicturesInAndOut) {
  Ffmpeg({"-i", folder_ / "clip.mp4", "-start_number", "8", folder_ / "in_%03d.png"});
  const ProgramResult video = RunOctoscale(
      {"upscale", folder_ / "in_%03d.png", "-o", folder_ / "video.mp4", "--rate", "24000/1001"});
  ASSERT_EQ(video.exit_code, 0) << video.err;
  EXPECT_EQ(ProbeClip(folder_ / "video.mp4").frames, 3);
  const ProgramResult pictures =
      RunOctoscale({"upscale", folder_ / "in_%03d.png", "-o", folder_ / "out_%03d.png"});
  ASSERT_EQ(pictures.exit_code, 0) << pictures.err;
  EXPECT_EQ(ReadImageFile(folder_ / "out_010.png")->frame.size(), (FrameSize{64, 48}));
  for (const std::string rate : {"0", "-1", "x", "1/0"}) {
    EXPECT_EQ(RunOctoscale(
                  {"upscale", folder_ / "in_%03d.png", "-o", folder_ / "no.mp4", "--rate=" + rate})
                  .exit_code,
              2)
        << rate;
  }
}

class UpscaleFolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_ / "in/ignored");
    MakeClip(folder_ / "in/clip.mp4", {.width = 32, .height = 24, .frames = 3});
    // An AVI can't be written, so its output is named .mkv.
    MakeClip(folder_ / "in/old.avi",
             {.width = 32, .height = 24, .frames = 2, .encoder = {"-c:v", "mpeg4"}});
    Ffmpeg({"-f", "lavfi", "-i", "testsrc2=size=20x10", "-frames:v", "1", folder_ / "in/p.png"});
    WriteFile(folder_ / "in/notes.txt", "not for us");
  }
  std::vector<std::string> Outputs() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / "out")) {
      names.push_back(entry.path().filename().string());
    }
    std::ranges::sort(names);
    return names;
  }
  TemporaryFolder folder_;
};

TEST_F(UpscaleFolderTest, EveryVideoAndPicture) {
  const ProgramResult result = RunOctoscale({"upscale", folder_ / "in", "-o", folder_ / "out"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(Outputs(), ElementsAre("clip.mp4", "old.mkv", "p.png"));
  EXPECT_THAT(result.err, HasSubstr("3 of 3 files done, 0 failed; 6 frames"));
  EXPECT_EQ(ProbeClip(folder_ / "out/old.mkv").frames, 2);
}

TEST_F(UpscaleFolderTest, ABadFileDoesNotStopTheOthers) {
  WriteFile(folder_ / "in/broken.mp4", "this is no video");
  const ProgramResult result =
      RunOctoscale({"upscale", folder_ / "in", "-o", folder_ / "out", "--progress", "json"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("broken.mp4"));
  EXPECT_THAT(Outputs(), ElementsAre("clip.mp4", "old.mkv", "p.png"));
  const size_t last_line = result.out.rfind('\n', result.out.size() - 2) + 1;
  const auto last = nlohmann::json::parse(result.out.substr(last_line), nullptr, false);
  EXPECT_EQ(last["event"], "done");
  EXPECT_EQ(last["files"], 4);
  EXPECT_EQ(last["failed"], 1);
  EXPECT_THAT(result.out, HasSubstr("file_error"));
}

TEST_F(UpscaleFolderTest, RefusesWhatCannotWork) {
  const auto exit_code = [&](const std::string& input, const std::string& output) {
    return RunOctoscale({"upscale", input, "-o", output}).exit_code;
  };
  EXPECT_EQ(exit_code(folder_ / "in/ignored", folder_ / "out"), 1);  // nothing in it
  EXPECT_EQ(exit_code(folder_ / "in", folder_ / "in/notes.txt"), 2);
  EXPECT_EQ(exit_code(folder_ / "in", folder_ / "in"), 2);
  // The last event tells programs that nothing will follow.
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{folder_ / "in/ignored"}, {folder_ / "in", "--start", "noon"}}) {
    std::vector<std::string> arguments = {"upscale", "-o", folder_ / "out", "--progress", "json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult result = RunOctoscale(arguments);
    EXPECT_EQ(nlohmann::json::parse(result.out, nullptr, false)["event"], "error") << result.out;
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
}

}  // namespace
}  // namespace octoscale::testing
