#include "image/picture_kind.h"

#include <string>

#include "gtest/gtest.h"

namespace octoscale {
namespace {

std::string Webp(const std::string& chunk, char flags) {
  return "RIFF" + std::string(4, '\1') + "WEBP" + chunk + std::string(4, '\0') + flags + "rest";
}

TEST(PictureKindTest, Webp) {
  EXPECT_TRUE(IsStillPicture(Webp("VP8 ", 2)));
  EXPECT_TRUE(IsStillPicture(Webp("VP8X", 0x10)));  // transparent
  EXPECT_FALSE(IsStillPicture(Webp("VP8X", 0x12)));
  EXPECT_TRUE(IsAnimatedWebp(Webp("VP8X", 2)));
  EXPECT_FALSE(IsAnimatedWebp(Webp("VP8L", 2)));
  EXPECT_FALSE(IsAnimatedWebp(Webp("VP8X", 2).substr(0, 20)));  // cut off before the bit
  EXPECT_FALSE(IsStillPicture("RIFF1234AVI LIST"));
  EXPECT_FALSE(IsStillPicture("RIFF1234WEB"));
  EXPECT_FALSE(IsStillPicture("RIFFWEBP"));
}

TEST(PictureKindTest, PngAndJpeg) {
  EXPECT_TRUE(IsStillPicture("\x89PNG....IHDR....IDAT....acTL"));  // in the pixels
  EXPECT_FALSE(IsStillPicture("\x89PNG....IHDR....acTL....IDAT"));
  EXPECT_TRUE(IsStillPicture("\xFF\xD8\xFF\xE0"));
  EXPECT_FALSE(IsStillPicture("\xFF\xD8"));
  EXPECT_FALSE(IsStillPicture(""));
  EXPECT_FALSE(IsStillPicture("GIF89a"));
}

}  // namespace
}  // namespace octoscale
