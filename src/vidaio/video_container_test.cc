#include "vidaio/video_container.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "base/testing/temp_dir.h"

namespace octoscale {
namespace {

using namespace std::string_literals;

std::string_view ContainerOf(const std::string& text) {
  return VideoContainerOf({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

std::string Packets(size_t first, size_t packet, size_t count) {
  std::string bytes(first + packet * count, '\xff');
  for (size_t i = 0; i < count; ++i) bytes[first + i * packet] = 0x47;
  return bytes;
}

TEST(VideoContainerTest, TellsVideosByTheirStart) {
  EXPECT_EQ(ContainerOf("\0\0\0\x20"
                        "ftypisom"s),
            "MP4");
  EXPECT_EQ(ContainerOf("\0\0\0\x08"
                        "wide\0\0\0\x08mdat"s),
            "MP4");
  EXPECT_EQ(ContainerOf("\0\0\x10\0"
                        "free"s),
            "MP4");
  EXPECT_EQ(ContainerOf("\x12\x34\x56\x78"
                        "mdat"s),
            "MP4");
  EXPECT_EQ(ContainerOf("\0\0\0\x01"
                        "mdat\0\0\0\x01\0\0\0\0"s),
            "MP4");
  EXPECT_EQ(ContainerOf("\x1a\x45\xdf\xa3"s), "Matroska");
  EXPECT_EQ(ContainerOf("RIFF\1\2\3\4AVI LIST"), "AVI");
  EXPECT_EQ(ContainerOf("FLV\x01\x05"), "FLV");
  EXPECT_EQ(ContainerOf(Packets(0, 188, 5)), "MPEG-TS");
  EXPECT_EQ(ContainerOf(Packets(4, 192, 5)), "MPEG-TS");
}

TEST(VideoContainerTest, OthersAreNone) {
  EXPECT_EQ(ContainerOf("#EXTM3U\n#EXT-X-VERSION:3\n"), "");
  EXPECT_EQ(ContainerOf("<!DOCTYPE html>"), "");
  EXPECT_EQ(ContainerOf("ffconcat version 1.0\nfile /etc/passwd"), "");
  EXPECT_EQ(ContainerOf(""), "");
  EXPECT_EQ(ContainerOf("RIFF\1\2\3\4WAVE"), "");
  EXPECT_EQ(ContainerOf("\0\0\0\x20"
                        "moof"s),
            "");
}

TEST(VideoContainerTest, TextIsNoneWhereverItHasABoxType) {
  EXPECT_EQ(ContainerOf("<!--free--><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\"/>"), "");
  EXPECT_EQ(ContainerOf("<!--mdat--><MPD/>"), "");
  EXPECT_EQ(ContainerOf("<\0\0\0mdat"s), "");
  EXPECT_EQ(ContainerOf("v=0\nmdat\nc=IN IP4 127.0.0.1\n"), "");
  EXPECT_EQ(ContainerOf("v=0\nfree"), "");
  EXPECT_EQ(ContainerOf("#EXTmoov"), "");
}

TEST(VideoContainerTest, BoxesHavePlausibleSizes) {
  EXPECT_EQ(ContainerOf("\0\0\0\0"
                        "ftyp"s),
            "");
  EXPECT_EQ(ContainerOf("\0\0\0\x07"
                        "mdat"s),
            "");
  EXPECT_EQ(ContainerOf("\x01\0\0\0"
                        "ftyp"s),
            "");
  EXPECT_EQ(ContainerOf("\0\0\0\x01"
                        "ftyp\0\0\0\0\0\0\0\x20"s),
            "");
  EXPECT_EQ(ContainerOf("\0\0\0\x01"
                        "mdat\0\0\0\0\0\0\0\x0f"s),
            "");
  EXPECT_EQ(ContainerOf("\0\0\0\x01"
                        "mdat"s),
            "");
}

TEST(VideoContainerTest, TransportStreamsAreNothingButPackets) {
  EXPECT_EQ(ContainerOf(Packets(0, 188, 1)), "");
  std::string broken = Packets(0, 188, 5);
  broken[3 * 188] = 'x';
  EXPECT_EQ(ContainerOf(broken), "");
  std::string markup = Packets(4, 192, 5);
  markup.replace(0, 4, "<!--");
  EXPECT_EQ(ContainerOf(markup), "");
  markup.replace(0, 4, " \n<?");
  EXPECT_EQ(ContainerOf(markup), "");
  markup.replace(0, 4, "\xef\xbb\xbf<");
  EXPECT_EQ(ContainerOf(markup), "");
}

TEST(VideoContainerTest, FilesAreNamedWithWhatTheyAre) {
  const TempDir folder;
  const auto check = [&](const std::string& content) {
    const std::string path = folder / "clip.mp4";
    std::ofstream(path, std::ios::binary) << content;
    return CheckVideoFile(path);
  };
  EXPECT_TRUE(check("\0\0\0\x20"
                    "ftypisom"s)
                  .ok());
  for (const auto& [content, words] : {std::pair{""s, "0 bytes"},
                                       {"#EXTM3U\nhttp://10.0.0.1/x.ts\n"s, "playlist"},
                                       {"<!--free--><MPD/>"s, "XML"},
                                       {"\x89PNG"s, "no video;"}}) {
    const Status status = check(content);
    EXPECT_EQ(status.code(), StatusCode::kCorruptInput) << content;
    EXPECT_NE(status.message().find(words), std::string::npos) << status.message();
    EXPECT_NE(status.message().find("clip.mp4"), std::string::npos) << status.message();
  }
  const Status missing = CheckVideoFile(folder / "missing.mp4");
  EXPECT_EQ(missing.code(), StatusCode::kNotFound) << missing.message();
}

}  // namespace
}  // namespace octoscale
