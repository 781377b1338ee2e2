#include "vidaio/video_container.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace octoscale {
namespace {

constexpr size_t kPacketBytes = 188;       // of MPEG-TS
constexpr size_t kTimedPacketBytes = 192;  // of M2TS: a time of four bytes in front
constexpr uint64_t kBoxBytesMin = 8;
constexpr uint64_t kLargeBoxBytesMin = 16;
// Of a first box that doesn't hold the pictures; more would need a byte that text can begin with.
constexpr uint64_t kBoxBytesMax = (uint64_t{1} << 24) - 1;

bool Has(std::span<const uint8_t> bytes, size_t at, std::string_view text) {
  return bytes.size() >= at + text.size() &&
         std::memcmp(bytes.data() + at, text.data(), text.size()) == 0;
}

bool IsSpace(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool IsText(uint8_t c) { return IsSpace(c) || (c > ' ' && c < 0x7f); }

// XML and HTML, also after spaces or a byte order mark of UTF-8.
bool IsMarkup(std::span<const uint8_t> start) {
  if (Has(start, 0, "\xef\xbb\xbf")) start = start.subspan(3);
  const auto first = std::find_if_not(start.begin(), start.end(), IsSpace);
  return first != start.end() && *first == '<';
}

uint64_t BigEndian(std::span<const uint8_t> bytes) {
  uint64_t value = 0;
  for (const uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

bool BeginsWithBox(std::span<const uint8_t> start) {
  const bool media = Has(start, 4, "mdat");
  const bool known = media || Has(start, 4, "ftyp") || Has(start, 4, "moov") ||
                     Has(start, 4, "free") || Has(start, 4, "skip") || Has(start, 4, "wide") ||
                     Has(start, 4, "pnot") || Has(start, 4, "styp");
  if (!known) return false;
  const uint64_t bytes = BigEndian(start.first(4));
  if (!media) return bytes >= kBoxBytesMin && bytes <= kBoxBytesMax;
  if (bytes == 1) return start.size() >= 16 && BigEndian(start.subspan(8, 8)) >= kLargeBoxBytesMin;
  return bytes >= kBoxBytesMin && !std::all_of(start.begin(), start.begin() + 4, IsText);
}

// Every packet that is there begins with a sync byte, and there are two at least.
bool IsTransportStream(std::span<const uint8_t> start, size_t first, size_t packet) {
  if (start.size() <= first + packet) return false;
  for (size_t at = first; at < start.size(); at += packet) {
    if (start[at] != 0x47) return false;
  }
  return true;
}

}  // namespace

std::string_view VideoContainerOf(std::span<const uint8_t> start) {
  if (IsMarkup(start)) return {};
  if (BeginsWithBox(start)) return "MP4";
  if (Has(start, 0, "\x1a\x45\xdf\xa3")) return "Matroska";
  if (Has(start, 0, "RIFF") && Has(start, 8, "AVI ")) return "AVI";
  if (Has(start, 0, "FLV\x01")) return "FLV";
  if (IsTransportStream(start, 0, kPacketBytes) || IsTransportStream(start, 4, kTimedPacketBytes)) {
    return "MPEG-TS";
  }
  return {};
}

Status CheckVideoContainer(std::span<const uint8_t> start) {
  if (start.empty()) return CorruptInput("the file is empty (0 bytes)");
  if (!VideoContainerOf(start).empty()) return OkStatus();
  const char* what = "no video";
  if (IsMarkup(start)) {
    what = "a web page or XML";
  } else if (std::all_of(start.begin(), start.end(), IsText)) {
    what = "no video but text, such as a playlist";
  }
  return CorruptInput(std::string("the file is ") + what +
                      "; expected MP4, Matroska, WebM, AVI, MPEG-TS or FLV");
}

Status CheckVideoFile(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return ErrnoStatus(errno, path);
  uint8_t start[kContainerBytes];
  ssize_t bytes = 0;
  do {
    bytes = pread(file, start, sizeof(start), 0);
  } while (bytes < 0 && errno == EINTR);
  const int error = errno;
  close(file);
  if (bytes < 0) return ErrnoStatus(error, path);
  return CheckVideoContainer({start, static_cast<size_t>(bytes)}).WithContext(path);
}

}  // namespace octoscale
