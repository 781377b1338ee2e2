#include "video/segment.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "base/content_hash.h"
#include "video/container.h"
#include "video/encoder.h"
#include "video/segment_file.h"

namespace octoscale {
namespace {

// Each is covered by the test that joins segments of every encoder.
constexpr std::string_view kSegmentable[] = {"libx264",    "libx264rgb", "libx265",   "libsvtav1",
                                             "libaom-av1", "libvpx-vp9", "libvpx",    "ffv1",
                                             "mpeg4",      "prores",     "prores_ks", "prores_aw"};

// Keys of rate control that looks further than a segment, in options and in parameter lists such as
// x264-params.
constexpr std::string_view kWholeVideoKeys[] = {
    "b",           "bitrate",     "B",           "maxrate",      "minrate",
    "bufsize",     "vbv-maxrate", "vbv-bufsize", "pass",         "stats",
    "passlogfile", "tbr",         "mbr",         "rc",           "rc_max_rate",
    "rc_min_rate", "rc_mode",     "multi-pass",  "intra-refresh"};

bool IsWholeVideoKey(std::string_view key) {
  return std::find(std::begin(kWholeVideoKeys), std::end(kWholeVideoKeys), key) !=
         std::end(kWholeVideoKeys);
}

// The first such key in "key=value:key=value", or nothing.
std::string FindWholeVideoKey(std::string_view parameters) {
  while (!parameters.empty()) {
    const size_t colon = parameters.find(':');
    const std::string_view pair = parameters.substr(0, colon);
    const std::string_view key = pair.substr(0, pair.find('='));
    if (IsWholeVideoKey(key)) return std::string(key);
    parameters.remove_prefix(colon == std::string_view::npos ? parameters.size() : colon + 1);
  }
  return {};
}

}  // namespace

Status CheckSegmentable(const EncoderOptions& options) {
  if (std::find(std::begin(kSegmentable), std::end(kSegmentable), options.codec) ==
      std::end(kSegmentable)) {
    return Unsupported("output of encoder '" + options.codec +
                       "' can't be put together from parts");
  }
  std::string key;
  if (options.bit_rate > 0 || options.rc_max_rate > 0 || options.rc_min_rate > 0 ||
      options.rc_buffer_size > 0) {
    key = "a bit rate";
  }
  for (const auto& [name, value] : options.extra) {
    if (IsWholeVideoKey(name)) key = "'" + name + "'";
    if (!name.ends_with("-params") && !name.ends_with("opts")) continue;
    if (const std::string inner = FindWholeVideoKey(value); !inner.empty()) {
      key = "'" + inner + "'";
    }
  }
  if (key.empty()) return OkStatus();
  return Unsupported(key + " is planned over the whole video, which can't be done in parts; " +
                     "ask for constant quality (crf) instead");
}

std::string CodecLibraryVersion() {
  const unsigned version = avcodec_version();
  return "libavcodec " + std::to_string(AV_VERSION_MAJOR(version)) + "." +
         std::to_string(AV_VERSION_MINOR(version)) + "." +
         std::to_string(AV_VERSION_MICRO(version));
}

struct SegmentWriter::Impl {
  Status WritePackets();

  std::unique_ptr<Encoder> encoder;
  std::unique_ptr<SegmentFileWriter> file;
  SegmentInfo info;
};

Status SegmentWriter::Impl::WritePackets() {
  while (true) {
    OCTO_ASSIGN_OR_RETURN(const AvPacketPtr packet, encoder->Receive());
    if (!packet) return OkStatus();
    OCTO_RETURN_IF_ERROR(file->Add(*packet));
  }
}

SegmentWriter::SegmentWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SegmentWriter::~SegmentWriter() = default;

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::Open(const std::string& path,
                                                           const VideoReader& source,
                                                           FrameSize output_size,
                                                           const EncoderOptions& options,
                                                           const std::string& container_path) {
  OCTO_ASSIGN_OR_RETURN(const Container container, ContainerFor(container_path));
  auto impl = std::make_unique<Impl>();
  std::vector<std::pair<std::string, std::string>> muxer_options;
  std::vector<std::string> warnings;
  OCTO_ASSIGN_OR_RETURN(impl->encoder, Encoder::Open(source.impl(), output_size, options, container,
                                                     &muxer_options, &warnings));
  const AVCodecContext& codec = impl->encoder->context();
  SegmentHeader header;
  header.codec = avcodec_get_name(codec.codec_id);
  header.time_base = impl->encoder->time_base();
  header.extradata.assign(reinterpret_cast<const char*>(codec.extradata),
                          static_cast<size_t>(codec.extradata_size));
  OCTO_ASSIGN_OR_RETURN(impl->file, SegmentFileWriter::Create(path, header));
  return std::unique_ptr<SegmentWriter>(new SegmentWriter(std::move(impl)));
}

const PictureFormat& SegmentWriter::format() const { return impl_->encoder->format(); }
int64_t SegmentWriter::frames() const { return impl_->info.frames; }

Status SegmentWriter::Write(Picture picture) {
  const FrameTime time = picture.time();
  OCTO_RETURN_IF_ERROR(impl_->encoder->Send(std::move(picture)));
  SegmentInfo& info = impl_->info;
  if (info.frames == 0) info.first_pts = time.pts;
  ++info.frames;
  info.last_pts = time.pts;
  info.end_pts = time.pts + time.duration;
  return impl_->WritePackets();
}

Result<SegmentInfo> SegmentWriter::Close() {
  SegmentInfo& info = impl_->info;
  OCTO_RETURN_IF_ERROR(impl_->encoder->Send(Picture()));
  OCTO_RETURN_IF_ERROR(impl_->WritePackets());
  if (impl_->file->packets() < info.frames) {
    return Internal("the encoder made " + std::to_string(impl_->file->packets()) + " packets of " +
                    std::to_string(info.frames) + " pictures");
  }
  OCTO_RETURN_IF_ERROR(impl_->file->Close(info.frames));
  info.bytes = impl_->file->bytes();
  info.hash = impl_->file->hash();
  return info;
}

Status CheckSegmentFile(const std::string& path, int64_t bytes, uint64_t hash) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, path);
  ContentHasher hasher;
  std::vector<char> buffer(size_t{1} << 20);
  int64_t total = 0;
  int error = 0;
  while (true) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) error = errno;
    if (got <= 0) break;
    hasher.Update(buffer.data(), static_cast<size_t>(got));
    total += got;
  }
  close(fd);
  if (error != 0) return ErrnoStatus(error, path);
  if (total == bytes && hasher.Digest() == hash) return OkStatus();
  return CorruptInput(path + ": expected " + std::to_string(bytes) + " bytes with hash " +
                      HashText(hash) + ", found " + std::to_string(total) + " with hash " +
                      HashText(hasher.Digest()));
}

}  // namespace octoscale
