#include "image/picture_kind.h"

namespace octoscale {
namespace {

// The chunk that makes a PNG an animation comes before its pixels.
bool IsAnimatedPng(std::string_view head) {
  const size_t animation = head.find("acTL");
  return animation != std::string_view::npos && animation < head.find("IDAT");
}

}  // namespace

bool IsWebp(std::string_view head) {
  return head.size() >= 12 && head.starts_with("RIFF") && head.substr(8, 4) == "WEBP";
}

bool IsAnimatedWebp(std::string_view head) {
  constexpr size_t kFlags = 20;
  constexpr char kAnimation = 2;
  return IsWebp(head) && head.size() > kFlags && head.substr(12, 4) == "VP8X" &&
         (head[kFlags] & kAnimation) != 0;
}

bool IsStillPicture(std::string_view head) {
  if (head.starts_with("\xFF\xD8\xFF")) return true;
  if (head.starts_with("\x89PNG")) return !IsAnimatedPng(head);
  return IsWebp(head) && !IsAnimatedWebp(head);
}

}  // namespace octoscale
