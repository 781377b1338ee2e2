#include "video/webp_animation.h"

#include <webp/demux.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <new>

#include "image/picture_kind.h"

namespace octoscale {
namespace {

constexpr size_t kHeaderBytes = 21;
constexpr int64_t kFileBytesMax = int64_t{1} << 30;
constexpr int kBufferBytes = 64 << 10;
constexpr int64_t kNoDurationMs = 100;  // what browsers make of 0

AVIOContext* NewIo(void* owner, bool write, int (*callback)(void*, uint8_t*, int)) {
  auto* buffer = static_cast<uint8_t*>(av_malloc(kBufferBytes));
  if (buffer == nullptr) throw std::bad_alloc();
  AVIOContext* io =
      avio_alloc_context(buffer, kBufferBytes, write ? 1 : 0, owner, write ? nullptr : callback,
                         write ? callback : nullptr, nullptr);
  if (io == nullptr) {
    av_free(buffer);
    throw std::bad_alloc();
  }
  return io;
}

void FreeIo(AVIOContext** io) {
  if (*io != nullptr) av_freep(&(*io)->buffer);
  avio_context_free(io);
}

}  // namespace

bool IsWebpAnimation(const std::string& path) {
  char head[kHeaderBytes] = {};
  std::ifstream file(path, std::ios::binary);
  if (!file.read(head, sizeof(head))) return false;
  return IsAnimatedWebp({head, sizeof(head)});
}

WebpAnimation::~WebpAnimation() {
  avformat_free_context(muxer_);
  FreeIo(&sink_);
  FreeIo(&io_);
  WebPAnimDecoderDelete(decoder_);
}

Result<std::unique_ptr<WebpAnimation>> WebpAnimation::Open(const std::string& path) {
  std::unique_ptr<WebpAnimation> animation(new WebpAnimation());
  OCTO_RETURN_IF_ERROR(animation->Load(path));
  OCTO_RETURN_IF_ERROR(animation->StartStream(path));
  return animation;
}

Status WebpAnimation::Load(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const auto bytes = static_cast<int64_t>(file.tellg());
  if (!file || bytes < 0) return ErrnoStatus(errno, path);
  if (bytes > kFileBytesMax) {
    return Unsupported(path + ": an animated WebP of more than 1 GiB; make a video of it first");
  }
  file_.resize(static_cast<size_t>(bytes));
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(file_.data()), bytes)) return ErrnoStatus(errno, path);

  const WebPData data = {file_.data(), file_.size()};
  WebPAnimDecoderOptions options;
  WebPAnimDecoderOptionsInit(&options);
  options.color_mode = MODE_RGBA;
  decoder_ = WebPAnimDecoderNew(&data, &options);
  WebPAnimInfo info = {};
  if (decoder_ == nullptr || !WebPAnimDecoderGetInfo(decoder_, &info)) {
    return CorruptInput(path + ": a damaged or cut-off WebP animation");
  }
  frames_ = info.frame_count;
  size_ = {static_cast<int>(info.canvas_width), static_cast<int>(info.canvas_height)};
  return OkStatus();
}

Status WebpAnimation::StartStream(const std::string& path) {
  sink_ = NewIo(this, true, Write);
  io_ = NewIo(this, false, Read);
  int error = avformat_alloc_output_context2(&muxer_, nullptr, "nut", nullptr);
  if (error < 0) return AvStatus(error, path);
  muxer_->pb = sink_;
  AVStream* stream = avformat_new_stream(muxer_, nullptr);
  if (stream == nullptr) throw std::bad_alloc();
  stream->time_base = {1, 1000};
  AVCodecParameters* parameters = stream->codecpar;
  parameters->codec_type = AVMEDIA_TYPE_VIDEO;
  parameters->codec_id = AV_CODEC_ID_RAWVIDEO;
  parameters->codec_tag = MKTAG('R', 'G', 'B', 'A');
  parameters->format = AV_PIX_FMT_RGBA;
  parameters->width = size_.width;
  parameters->height = size_.height;
  error = avformat_write_header(muxer_, nullptr);
  if (error < 0) return AvStatus(error, path);
  return OkStatus();
}

int64_t WebpAnimation::DurationAt(int64_t pts) const {
  const auto found = durations_.find(pts);
  return found == durations_.end() ? 0 : found->second;
}

int WebpAnimation::MakeMore() {
  if (!WebPAnimDecoderHasMoreFrames(decoder_)) {
    ended_ = true;
    av_write_trailer(muxer_);
    avio_flush(sink_);
    return 0;
  }
  uint8_t* pixels = nullptr;
  int end_ms = 0;
  if (!WebPAnimDecoderGetNext(decoder_, &pixels, &end_ms)) return AVERROR_INVALIDDATA;
  const AvPacketPtr packet = NewAvPacket();
  const int bytes = 4 * size_.width * size_.height;
  const int error = av_new_packet(packet.get(), bytes);
  if (error < 0) return error;
  std::memcpy(packet->data, pixels, static_cast<size_t>(bytes));
  // Pictures without a duration push the later ones back.
  const int64_t duration = end_ms > last_end_ms_ ? end_ms - last_end_ms_ : kNoDurationMs;
  last_end_ms_ = end_ms;
  packet->pts = packet->dts = now_ms_;
  packet->duration = duration;
  packet->flags = AV_PKT_FLAG_KEY;
  av_packet_rescale_ts(packet.get(), {1, 1000}, muxer_->streams[0]->time_base);
  durations_[now_ms_] = duration;
  now_ms_ += duration;
  const int written = av_write_frame(muxer_, packet.get());
  avio_flush(sink_);
  return written;
}

int WebpAnimation::Read(void* self, uint8_t* buffer, int size) {
  auto* animation = static_cast<WebpAnimation*>(self);
  while (animation->read_ == animation->pending_.size()) {
    animation->pending_.clear();
    animation->read_ = 0;
    if (animation->ended_) return AVERROR_EOF;
    const int error = animation->MakeMore();
    if (error < 0) return error;
  }
  const size_t count =
      std::min(static_cast<size_t>(size), animation->pending_.size() - animation->read_);
  std::memcpy(buffer, animation->pending_.data() + animation->read_, count);
  animation->read_ += count;
  return static_cast<int>(count);
}

int WebpAnimation::Write(void* self, uint8_t* buffer, int size) {
  static_cast<WebpAnimation*>(self)->pending_.append(reinterpret_cast<const char*>(buffer),
                                                     static_cast<size_t>(size));
  return size;
}

}  // namespace octoscale
