#include "video/describe.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

namespace octoscale {

const char* StreamKindName(StreamKind kind) {
  switch (kind) {
    case StreamKind::kVideo:
      return "video";
    case StreamKind::kAudio:
      return "audio";
    case StreamKind::kSubtitle:
      return "subtitle";
    case StreamKind::kAttachment:
      return "attachment";
    case StreamKind::kCoverArt:
      return "cover art";
    case StreamKind::kData:
      return "data";
  }
  return "unknown";
}

StreamKind KindOf(const AVStream& stream) {
  switch (stream.codecpar->codec_type) {
    case AVMEDIA_TYPE_VIDEO:
      return stream.disposition & (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS)
                 ? StreamKind::kCoverArt
                 : StreamKind::kVideo;
    case AVMEDIA_TYPE_AUDIO:
      return StreamKind::kAudio;
    case AVMEDIA_TYPE_SUBTITLE:
      return StreamKind::kSubtitle;
    case AVMEDIA_TYPE_ATTACHMENT:
      return StreamKind::kAttachment;
    default:
      return StreamKind::kData;
  }
}

std::string MetadataValue(const AVDictionary* metadata, const char* key) {
  const AVDictionaryEntry* entry = av_dict_get(metadata, key, nullptr, 0);
  return entry == nullptr ? std::string() : std::string(entry->value);
}

ColourTags ColourTagsOf(const AVFrame& frame) {
  ColourTags tags;
  tags.matrix = frame.colorspace;
  tags.primaries = frame.color_primaries;
  tags.transfer = frame.color_trc;
  tags.chroma_location = frame.chroma_location;
  if (frame.color_range == AVCOL_RANGE_MPEG) tags.range = ColourRange::kLimited;
  if (frame.color_range == AVCOL_RANGE_JPEG) tags.range = ColourRange::kFull;
  return tags;
}

std::optional<DisplayMatrix> DisplayMatrixOf(const AVStream& stream, const AVFrame& first) {
  size_t size = 0;
  const uint8_t* data = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
  if (data == nullptr) {
    const AVFrameSideData* side = av_frame_get_side_data(&first, AV_FRAME_DATA_DISPLAYMATRIX);
    if (side == nullptr) return std::nullopt;
    data = side->data;
    size = side->size;
  }
  DisplayMatrix matrix;
  if (size < sizeof(matrix)) return std::nullopt;
  std::memcpy(matrix.data(), data, sizeof(matrix));
  return matrix;
}

namespace {

double Seconds(int64_t value, AVRational base) {
  return value == AV_NOPTS_VALUE ? 0.0 : static_cast<double>(value) * av_q2d(base);
}

// What comes closest to the display matrix.
Orientation OrientationOf(const std::optional<DisplayMatrix>& matrix) {
  if (!matrix) return {};
  // What becomes of a step to the right and of a step down.
  const double right_x = (*matrix)[0], right_y = (*matrix)[1];
  const double down_x = (*matrix)[3], down_y = (*matrix)[4];
  const double scale_x = std::hypot(right_x, down_x);
  const double scale_y = std::hypot(right_y, down_y);
  if (scale_x == 0 || scale_y == 0) return {};
  const bool mirrored = right_x * down_y - right_y * down_x < 0;
  const double sign = mirrored ? -1 : 1;
  const double turn = std::atan2(sign * right_y / scale_y, sign * right_x / scale_x);
  const int quarters = static_cast<int>(std::lround(turn / (std::numbers::pi / 2)));
  return {mirrored, (quarters + 4) % 4 * 90};
}

// The average rate when it is also the least common rate of all time stamps, else 0/1.
Rational ConstantRate(const AVStream& stream) {
  const AVRational average = stream.avg_frame_rate;
  const AVRational least = stream.r_frame_rate;
  if (average.num <= 0 || least.num <= 0) return {0, 1};
  const double ratio = av_q2d(average) / av_q2d(least);
  if (ratio < 0.998 || ratio > 1.002) return {0, 1};
  return FromAv(least);
}

// Pictures by the container's index (entries that an edit list cuts don't count) or, failing that,
// by rate and duration.
void CountFrames(AVStream& stream, double duration, VideoStreamInfo* info) {
  int64_t shown = 0;
  const int entries = avformat_index_get_entries_count(&stream);
  for (int i = 0; i < entries; ++i) {
    const AVIndexEntry* entry = avformat_index_get_entry(&stream, i);
    shown += entry != nullptr && (entry->flags & AVINDEX_DISCARD_FRAME) == 0;
  }
  if (stream.nb_frames > 0) {
    info->frames_exact = true;
    info->frames = entries >= stream.nb_frames && shown > 0 ? shown : stream.nb_frames;
    return;
  }
  const double rate = stream.avg_frame_rate.num > 0 ? av_q2d(stream.avg_frame_rate) : 0;
  info->frames = std::llround(rate * duration);
}

}  // namespace

MediaInfo DescribeMedia(const std::string& path, AVFormatContext& context, int index,
                        const AVCodecContext& decoder, const AVFrame& first) {
  MediaInfo media;
  media.path = path;
  media.container = context.iformat->name;
  media.major_brand = MetadataValue(context.metadata, "major_brand");
  media.start_seconds = Seconds(context.start_time, AV_TIME_BASE_Q);
  media.duration_seconds = Seconds(context.duration, AV_TIME_BASE_Q);
  media.chapters = static_cast<int>(context.nb_chapters);
  for (unsigned i = 0; i < context.nb_streams; ++i) {
    const AVStream& stream = *context.streams[i];
    StreamInfo info;
    info.index = static_cast<int>(i);
    info.kind = KindOf(stream);
    info.codec = avcodec_get_name(stream.codecpar->codec_id);
    if (stream.codecpar->codec_id == AV_CODEC_ID_NONE) info.codec = "unknown";
    info.language = MetadataValue(stream.metadata, "language");
    info.title = MetadataValue(stream.metadata, "title");
    media.streams.push_back(std::move(info));
  }

  AVStream& stream = *context.streams[index];
  const AVPixFmtDescriptor* format = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(first.format));
  VideoStreamInfo& video = media.video;
  video.stream_index = index;
  video.codec = avcodec_get_name(stream.codecpar->codec_id);
  const char* profile = avcodec_profile_name(stream.codecpar->codec_id, decoder.profile);
  if (profile != nullptr) video.profile = profile;
  if (format != nullptr) {
    video.pixel_format = format->name;
    video.has_alpha = (format->flags & (AV_PIX_FMT_FLAG_ALPHA | AV_PIX_FMT_FLAG_PAL)) != 0;
    for (int c = 0; c < format->nb_components; ++c) {
      video.bit_depth = std::max(c == 0 ? 0 : video.bit_depth, format->comp[c].depth);
    }
    if (format->flags & AV_PIX_FMT_FLAG_PAL) video.bit_depth = 8;
  }
  video.sample_type = video.bit_depth > 8 ? SampleType::kU16 : SampleType::kU8;
  video.size = {first.width, first.height};
  video.interlaced = first.interlaced_frame != 0;
  video.time_base = FromAv(stream.time_base);
  video.frame_rate = ConstantRate(stream);
  const AVRational aspect =
      av_guess_sample_aspect_ratio(&context, &stream, const_cast<AVFrame*>(&first));
  video.sample_aspect = FromAv(aspect);
  video.colour = ColourTagsOf(first);
  video.orientation = OrientationOf(DisplayMatrixOf(stream, first));
  video.start_seconds = Seconds(stream.start_time, stream.time_base);
  video.duration_seconds = Seconds(stream.duration, stream.time_base);
  if (video.duration_seconds <= 0) video.duration_seconds = media.duration_seconds;
  CountFrames(stream, video.duration_seconds, &video);
  return media;
}

}  // namespace octoscale
