#include "worker/entry_names.h"

#include <cstdint>
#include <cstdio>

namespace octoscale::worker {
namespace {

constexpr size_t kNameBytesMax = 200;

// Length of the well-formed UTF-8 sequence (Unicode 15, table 3-7) at the front; 0: none.
size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0};
  };
  const auto tail = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if ((first & 0xf0) == 0xe0) {
    if (first == 0xe0 && byte(1) < 0xa0) return 0;
    if (first == 0xed && byte(1) > 0x9f) return 0;  // surrogates
    return tail(1) && tail(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (first == 0xf0 && byte(1) < 0x90) return 0;
    if (first == 0xf4 && byte(1) > 0x8f) return 0;
    return tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

bool Forbidden(char c) {
  return static_cast<uint8_t>(c) < 0x20 || c == 0x7f ||
         std::string_view("<>:\"/\\|?*").find(c) != std::string_view::npos;
}

std::string Clean(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    // C1 controls (U+0080..U+009F) are two bytes: C2 80..9F.
    const bool control = length == 2 && static_cast<uint8_t>(text[0]) == 0xc2 &&
                         static_cast<uint8_t>(text[1]) < 0xa0;
    const size_t size = length == 0 ? 1 : length;
    if (out.size() + size > kNameBytesMax) break;
    if (length == 0 || control || (length == 1 && Forbidden(text[0]))) {
      out += '_';
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  const auto edge = [](char c) { return c == '.' || c == ' '; };
  while (!out.empty() && edge(out.back())) out.pop_back();
  size_t start = 0;
  while (start < out.size() && edge(out[start])) ++start;
  return out.substr(start);
}

std::string LowerAscii(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return text;
}

}  // namespace

std::string EntryNames::Next(std::string_view sent) {
  ++count_;
  const size_t slash = sent.find_last_of("/\\");
  if (slash != std::string_view::npos) sent.remove_prefix(slash + 1);
  const size_t dot = sent.rfind('.');
  if (dot != std::string_view::npos) sent = sent.substr(0, dot);
  std::string base = Clean(sent);
  if (base.empty()) {
    char text[24];
    std::snprintf(text, sizeof(text), "frame_%04d", count_);
    base = text;
  }
  std::string name = base + ".png";
  for (int copy = 2; !used_.insert(LowerAscii(name)).second; ++copy) {
    name = base + "_" + std::to_string(copy) + ".png";
  }
  return name;
}

}  // namespace octoscale::worker
