#include "video/planned_end.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace octoscale {
namespace {

// Packets come in decoding order: so many may follow one that is shown later.
constexpr size_t kReorderedPacketsMax = 32;

// The time of the picture that follows `count` pictures, in ticks of the stream.
std::optional<int64_t> TimeAfter(const VideoReader::Impl& source, int64_t first, int64_t count,
                                 const CancelToken& cancel) {
  const int video = source.info.video.stream_index;
  Result<std::unique_ptr<Demuxer>> demuxer = Demuxer::Open(source.info.path, cancel);
  if (!demuxer.ok()) return std::nullopt;
  const int streams = static_cast<int>((*demuxer)->context()->nb_streams);
  for (int i = 0; i < streams; ++i) (*demuxer)->Keep(i, i == video);
  if (source.window.trimmed_start && !(*demuxer)->Seek(video, first)) return std::nullopt;
  const auto wanted = static_cast<size_t>(count);
  std::vector<int64_t> later;
  AvPacketPtr packet = NewAvPacket();
  while (later.size() < wanted + kReorderedPacketsMax) {
    av_packet_unref(packet.get());
    const Result<bool> more = (*demuxer)->Read(packet.get());
    if (!more.ok() || !*more) break;
    const int64_t time = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    const bool hidden = (packet->flags & AV_PKT_FLAG_DISCARD) != 0;
    if (packet->stream_index == video && !hidden && time > first) later.push_back(time);
  }
  if (later.size() < wanted) return std::nullopt;
  std::nth_element(later.begin(), later.begin() + (count - 1), later.end());
  return later[wanted - 1];
}

}  // namespace

std::optional<int64_t> PlannedEnd(const VideoReader::Impl& source, const CancelToken& cancel) {
  const int64_t first = source.first->best_effort_timestamp;
  if (first == AV_NOPTS_VALUE) return std::nullopt;
  const AVRational base = source.stream().time_base;
  std::optional<int64_t> end;
  if (source.options.duration_seconds > 0) {
    end = av_rescale_q(first, base, AV_TIME_BASE_Q) +
          std::llround(source.options.duration_seconds * AV_TIME_BASE);
  }
  if (source.options.frames > 0) {
    const std::optional<int64_t> ticks = TimeAfter(source, first, source.options.frames, cancel);
    if (ticks) {
      const int64_t time = av_rescale_q(*ticks, base, AV_TIME_BASE_Q);
      end = std::min(end.value_or(time), time);
    }
  }
  return end;
}

}  // namespace octoscale
