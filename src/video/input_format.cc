#include "video/input_format.h"

#include <array>
#include <cstring>
#include <string_view>

namespace octoscale {
namespace {

// Demuxers whose input is a list of other files or addresses.
constexpr struct {
  const char* demuxer;
  const char* what;
} kManifests[] = {
    {"hls", "an HLS playlist"},
    {"dash", "a DASH manifest"},
    {"concat", "a list of files to join (ffconcat)"},
    {"imf", "an IMF composition playlist"},
    {"sdp", "a description of network streams (SDP)"},
    {"vobsub", "the index of a VobSub subtitle file"},
};

// Playlists that FFmpeg has no demuxer for; it takes them for something else.
constexpr struct {
  std::string_view begin;
  const char* what;
} kPlaylists[] = {{"#EXTM3U", "an M3U playlist"}, {"[playlist]", "a PLS playlist"}};

// FFmpeg renders text and raw bytes as pictures; nobody means that when naming a file .mp4.
bool IsTextDemuxer(const char* name) {
  for (const char* text : {"tty", "bin", "xbin", "adf", "idf"}) {
    if (std::strcmp(name, text) == 0) return true;
  }
  return false;
}

Status CheckBeginning(const std::string& path, AVIOContext* file) {
  std::array<unsigned char, 16> bytes{};
  const int got = avio_read(file, bytes.data(), static_cast<int>(bytes.size()));
  if (got < 0) return AvStatus(got, path);
  const int64_t at = avio_seek(file, 0, SEEK_SET);
  if (at < 0) return AvStatus(static_cast<int>(at), path);
  const std::string_view begin(reinterpret_cast<const char*>(bytes.data()),
                               static_cast<size_t>(got));
  for (const auto& [words, what] : kPlaylists) {
    if (begin.starts_with(words)) return NamesOtherFiles(path, what);
  }
  return OkStatus();
}

int RefuseToOpen(AVFormatContext* context, AVIOContext** io, const char* url, int /*flags*/,
                 AVDictionary** /*options*/) {
  auto* asked = static_cast<std::string*>(context->opaque);
  if (asked->empty()) *asked = url;
  *io = nullptr;
  return AVERROR(EPERM);
}

}  // namespace

Result<const AVInputFormat*> FindInputFormat(const std::string& path, AVIOContext* file) {
  const AVInputFormat* format = nullptr;
  int error = av_probe_input_buffer2(file, &format, path.c_str(), nullptr, 0, 0);
  // A '%d' in a real file's name makes FFmpeg take it for a sequence, or for two things at once.
  if (error == AVERROR_INVALIDDATA || (error >= 0 && std::strcmp(format->name, "image2") == 0)) {
    format = nullptr;
    error = av_probe_input_buffer2(file, &format, "", nullptr, 0, 0);
  }
  for (const auto& [demuxer, what] : kManifests) {
    if (error >= 0 && std::strcmp(format->name, demuxer) == 0) return NamesOtherFiles(path, what);
  }
  OCTO_RETURN_IF_ERROR(CheckBeginning(path, file));
  if (error == AVERROR_INVALIDDATA || error == AVERROR_EOF) {
    return CorruptInput(path + ": not a media file that FFmpeg can read, or cut off");
  }
  if (error < 0) return AvStatus(error, path);
  if (IsTextDemuxer(format->name)) {
    return CorruptInput(path + ": not a media file (it looks like text)");
  }
  return format;
}

void RefuseOtherFiles(AVFormatContext* context, std::string* asked) {
  context->opaque = asked;
  context->io_open = RefuseToOpen;
}

Status NamesOtherFiles(const std::string& path, const std::string& what) {
  return Unsupported(path + ": is " + what +
                     "; playlists and manifests are not opened, name the media file itself");
}

}  // namespace octoscale
