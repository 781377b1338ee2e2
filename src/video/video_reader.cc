#include "video/video_reader.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "video/describe.h"
#include "video/picture_impl.h"
#include "video/video_reader_impl.h"

namespace octoscale {
namespace {

constexpr double kPrimingSecondsMax = 1;

// What pictures may carry and no output keeps.
struct LostMetadata {
  AVFrameSideDataType type;
  const char* text;
};
constexpr LostMetadata kLostMetadata[] = {
    {AV_FRAME_DATA_DYNAMIC_HDR_PLUS, "HDR10+ dynamic metadata is left out"},
    {AV_FRAME_DATA_DOVI_METADATA, "Dolby Vision metadata is left out"},
    {AV_FRAME_DATA_A53_CC, "closed captions inside the video are left out"},
};

std::string SizeText(int width, int height) {
  return std::to_string(width) + "x" + std::to_string(height);
}

std::string SecondsText(double seconds) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3f s", seconds);
  return text;
}

// The picture's properties without its planes.
AvFramePtr PropertiesOf(const AVFrame& frame) {
  AvFramePtr copy = NewAvFrame();
  av_frame_copy_props(copy.get(), &frame);
  copy->format = frame.format;
  copy->width = frame.width;
  copy->height = frame.height;
  return copy;
}

Status CheckOptions(const ReaderOptions& options) {
  if (options.threads < 1) return InvalidArgument("decoder threads: expected at least 1");
  if (!(options.start_seconds >= 0) || !(options.duration_seconds >= 0) || options.frames < 0) {
    return InvalidArgument("start, duration and frames: expected 0 or more");
  }
  const Rational rate = options.sequence_rate.value_or(kDefaultSequenceRate);
  if (rate.num < 1 || rate.den < 1) return InvalidArgument("rate: expected more than 0");
  return OkStatus();
}

}  // namespace

Status VideoReader::Impl::Start(const std::string& path, const ReaderOptions& reader_options,
                                const CancelToken& token) {
  options = reader_options;
  cancel = token;
  OCTO_RETURN_IF_ERROR(CheckOptions(options));
  info.path = path;
  OCTO_RETURN_IF_ERROR(OpenFile());
  return FindFirst();
}

Status VideoReader::Impl::OpenFile() {
  warnings_.clear();
  decoder.reset();
  OCTO_ASSIGN_OR_RETURN(
      demuxer,
      Demuxer::Open(info.path, cancel, options.sequence_rate.value_or(kDefaultSequenceRate)));
  if (options.sequence_rate && !demuxer->is_sequence()) {
    return InvalidArgument(info.path +
                           ": a rate is for numbered pictures (frame_%06d.png) only; "
                           "the frames of a video keep their own times");
  }
  demuxer->set_allow_truncated(options.allow_truncated);
  return OpenDecoder();
}

Status VideoReader::Impl::OpenDecoder() {
  AVFormatContext* context = demuxer->context();
  const int index = demuxer->DefaultVideoStream();
  if (index < 0) {
    return Unsupported(demuxer->path() + ": no video stream (" +
                       std::to_string(context->nb_streams) + " other streams)");
  }
  int videos = 0;
  for (unsigned i = 0; i < context->nb_streams; ++i) {
    videos += KindOf(*context->streams[i]) == StreamKind::kVideo;
    demuxer->Keep(static_cast<int>(i), static_cast<int>(i) == index);
  }
  if (videos > 1) {
    warnings_.push_back(demuxer->path() + ": " + std::to_string(videos) +
                        " video streams; stream " + std::to_string(index) +
                        " is upscaled, the others are left out");
  }
  const AVStream* stream = context->streams[index];
  if (stream->codecpar->codec_tag == MKTAG('e', 'n', 'c', 'v')) {
    return Unsupported(demuxer->path() + ": the video is encrypted; decrypt it first");
  }
  info.video.stream_index = index;
  OCTO_ASSIGN_OR_RETURN(decoder, Decoder::Open(demuxer.get(), index, options.threads));
  return OkStatus();
}

// Seeks to the keyframe at or before `seek_seconds` (negative: doesn't seek) and decodes up to the
// first picture at or after the target. `too_late`: decoding began after the target.
Result<AvFramePtr> VideoReader::Impl::FirstFrom(double seek_seconds, double target_seconds,
                                                bool* too_late) {
  AVFormatContext* context = demuxer->context();
  const AVRational base = stream().time_base;
  if (seek_seconds >= 0) {
    const int64_t start = context->start_time == AV_NOPTS_VALUE ? 0 : context->start_time;
    const int64_t ticks =
        av_rescale_q(start + std::llround(seek_seconds * AV_TIME_BASE), AV_TIME_BASE_Q, base);
    if (!demuxer->Seek(info.video.stream_index, ticks)) {
      *too_late = true;
      return AvFramePtr();
    }
    decoder->Flush();
  }
  const double file_start =
      context->start_time == AV_NOPTS_VALUE ? 0 : context->start_time / double{AV_TIME_BASE};
  const double target = file_start + target_seconds;
  // Half a tick of slack: start times are typed in decimals.
  const double slack = 0.5 * av_q2d(base);
  while (true) {
    OCTO_ASSIGN_OR_RETURN(AvFramePtr frame, decoder->Next());
    const int64_t keyframe = decoder->keyframe_pts();
    *too_late = frame == nullptr || (frame->flags & AV_FRAME_FLAG_CORRUPT) != 0 ||
                (seek_seconds >= 0 && keyframe != AV_NOPTS_VALUE &&
                 keyframe * av_q2d(base) + decoder->keyframe_doubt_seconds() > target + slack);
    if (!frame) return frame;
    const int64_t pts = frame->best_effort_timestamp;
    const double time = pts == AV_NOPTS_VALUE ? file_start : pts * av_q2d(base);
    if (time + slack >= target) return frame;
  }
}

// A container's seek may land behind the target, or where pictures lack their references (sparse
// indexes, open GOPs): step back until decoding begins well before it, at worst with the file.
Result<AvFramePtr> VideoReader::Impl::FindStart() {
  for (const double back : {0.0, 2.0, 10.0, 60.0}) {
    if (options.start_seconds - back <= 0) break;
    bool too_late = false;
    OCTO_ASSIGN_OR_RETURN(AvFramePtr found, FirstFrom(options.start_seconds - back,
                                                      options.start_seconds, &too_late));
    if (!too_late) return found;
  }
  OCTO_RETURN_IF_ERROR(OpenFile());
  bool too_late = false;
  return FirstFrom(-1, options.start_seconds, &too_late);
}

Status VideoReader::Impl::FindFirst() {
  AvFramePtr found;
  if (options.start_seconds > 0) {
    OCTO_ASSIGN_OR_RETURN(found, FindStart());
    if (!found) {
      return InvalidArgument(demuxer->path() + ": nothing to read at " +
                             SecondsText(options.start_seconds) + "; the video lasts " +
                             SecondsText(demuxer->context()->duration / double{AV_TIME_BASE}));
    }
  } else {
    OCTO_ASSIGN_OR_RETURN(found, decoder->Next());
  }
  if (!found) {
    if (decoder->counts().bad_packets > 0) {
      return CorruptInput(demuxer->path() + ": no picture could be decoded (" +
                          std::to_string(decoder->counts().bad_packets) + " damaged packets)");
    }
    return CorruptInput(demuxer->path() + ": the video stream holds no pictures");
  }
  if (found->width > kFrameSideMax || found->height > kFrameSideMax) {
    return Unsupported(demuxer->path() + ": pictures are " + SizeText(found->width, found->height) +
                       ", at most " + SizeText(kFrameSideMax, kFrameSideMax) + " is supported");
  }
  const bool interlaced = found->interlaced_frame != 0;
  if (options.deinterlace != Deinterlace::kOff) {
    deinterlacer_ =
        std::make_unique<Deinterlacer>(stream().time_base, options.deinterlace == Deinterlace::kOn);
    OCTO_RETURN_IF_ERROR(deinterlacer_->Push(std::move(found)));
    OCTO_ASSIGN_OR_RETURN(found, Fetch());
    if (!found) return Internal("the deinterlacer gave no picture");
  }
  OCTO_RETURN_IF_ERROR(DescribeFirst(*found));
  info.video.interlaced = interlaced;
  pending_ = std::move(found);
  return OkStatus();
}

// The next picture from the decoder or, if there is one, the deinterlacer; null at the end.
Result<AvFramePtr> VideoReader::Impl::Fetch() {
  while (deinterlacer_) {
    OCTO_ASSIGN_OR_RETURN(AvFramePtr ready, deinterlacer_->Pull());
    if (ready || deinterlacer_drained_) return ready;
    OCTO_ASSIGN_OR_RETURN(AvFramePtr next, decoder->Next());
    deinterlacer_drained_ = next == nullptr;
    OCTO_RETURN_IF_ERROR(deinterlacer_->Push(std::move(next)));
  }
  return decoder->Next();
}

Status VideoReader::Impl::DescribeFirst(const AVFrame& found) {
  first = PropertiesOf(found);
  info = DescribeMedia(demuxer->path(), *demuxer->context(), info.video.stream_index,
                       decoder->context(), found);
  average_rate = stream().avg_frame_rate;
  const AVRational base = stream().time_base;
  const int64_t pts =
      found.best_effort_timestamp == AV_NOPTS_VALUE ? 0 : found.best_effort_timestamp;
  PlaceOrigin(pts);
  if (options.duration_seconds > 0) {
    end_ticks_ = pts + std::max<int64_t>(1, std::llround(options.duration_seconds / av_q2d(base)));
  }
  VideoStreamInfo& video = info.video;
  if (options.start_seconds > 0 || options.duration_seconds > 0) {
    const double whole = std::max(1e-9, video.duration_seconds);
    double part = std::max(0.0, whole - options.start_seconds);
    if (options.duration_seconds > 0) part = std::min(part, options.duration_seconds);
    video.frames = std::llround(video.frames * std::min(1.0, part / whole));
    video.frames_exact = false;
  }
  if (options.frames > 0) {
    video.frames = video.frames > 0 ? std::min(video.frames, options.frames) : options.frames;
  }
  return OkStatus();
}

// A part begins at 0. So does a source that begins before 0, because MP4 would hide what is
// earlier and Matroska can't say it; the priming packet of sound is no reason, players expect it.
void VideoReader::Impl::PlaceOrigin(int64_t first_pts) {
  const AVRational base = stream().time_base;
  const int64_t start_time = demuxer->context()->start_time;
  const int64_t file_start =
      start_time == AV_NOPTS_VALUE ? first_pts : av_rescale_q(start_time, AV_TIME_BASE_Q, base);
  window.trimmed_start = options.start_seconds > 0;
  if (window.trimmed_start) {
    origin_ = first_pts;
  } else if (first_pts < 0 || file_start * av_q2d(base) < -kPrimingSecondsMax) {
    origin_ = std::min(first_pts, file_start);
    warnings_.push_back(demuxer->path() + ": its times begin at " +
                        SecondsText(origin_ * av_q2d(base)) + "; all streams are moved to 0");
  }
  window.origin_seconds = origin_ * av_q2d(base);
}

Status VideoReader::Impl::CheckGeometry(const AVFrame& frame) {
  if (frame.width == first->width && frame.height == first->height) return OkStatus();
  const double seconds = frame.best_effort_timestamp == AV_NOPTS_VALUE
                             ? 0
                             : frame.best_effort_timestamp * av_q2d(stream().time_base);
  return CorruptInput(
      demuxer->path() + ": the picture size changes from " + SizeText(first->width, first->height) +
      " to " + SizeText(frame.width, frame.height) + " at frame " + std::to_string(pictures + 1) +
      " (" + SecondsText(seconds) + "); split the file there and upscale the parts");
}

// The frame's PTS in source ticks, made strictly increasing.
int64_t VideoReader::Impl::PlaceInTime(const AVFrame& frame) {
  int64_t pts = frame.best_effort_timestamp;
  if (pts == AV_NOPTS_VALUE) {
    const int64_t step = std::max<int64_t>(1, last_duration_);
    pts = last_pts_ == AV_NOPTS_VALUE ? 0 : last_pts_ + step;
  }
  if (last_pts_ != AV_NOPTS_VALUE && pts <= last_pts_) {
    pts = last_pts_ + 1;
    ++repaired_times_;
  }
  if (last_pts_ != AV_NOPTS_VALUE) last_gap_ = pts - last_pts_;
  last_pts_ = pts;
  last_duration_ = frame.pkt_duration;
  if (last_duration_ <= 0 && info.video.frame_rate.num > 0) {
    last_duration_ =
        std::llround(1.0 / info.video.frame_rate.value() / info.video.time_base.value());
  }
  return pts;
}

bool VideoReader::Impl::LimitReached(const AVFrame& next) const {
  if (options.frames > 0 && pictures + 1 >= options.frames) return true;
  return end_ticks_ != 0 && next.best_effort_timestamp != AV_NOPTS_VALUE &&
         next.best_effort_timestamp >= end_ticks_;
}

Result<std::optional<Picture>> VideoReader::Impl::Next() {
  if (!pending_) return std::optional<Picture>();
  const int64_t pts = PlaceInTime(*pending_);
  AvFramePtr following;
  if (!ended_) {
    OCTO_ASSIGN_OR_RETURN(following, Fetch());
    ended_ = following == nullptr;
    if (following && LimitReached(*following)) {
      stopped_at_limit = true;
      ended_ = true;
    } else if (following) {
      OCTO_RETURN_IF_ERROR(CheckGeometry(*following));
    }
  }
  // A picture is shown until the next one; only the last needs the container's word.
  FrameTime time{pts - origin_, last_duration_};
  if (following && following->best_effort_timestamp != AV_NOPTS_VALUE) {
    time.duration = std::max<int64_t>(1, following->best_effort_timestamp - pts);
  }
  if (time.duration <= 0) {
    // A muxer would take 0 for a picture that is never shown.
    time.duration = std::max<int64_t>(1, last_gap_);
    time.duration_guessed = true;
  }
  if (ended_) following.reset();
  ++pictures;
  interlaced_pictures_ += pending_->interlaced_frame != 0;
  for (const LostMetadata& kind : kLostMetadata) {
    if (av_frame_get_side_data(pending_.get(), kind.type) != nullptr)
      lost_metadata.insert(kind.text);
  }
  Picture picture = MakePicture(std::move(pending_), time);
  pending_ = std::move(following);
  return std::optional<Picture>(std::move(picture));
}

std::vector<std::string> VideoReader::Impl::Warnings() const {
  std::vector<std::string> all = warnings_;
  const std::string& path = demuxer->path();
  const DecoderCounts& counts = decoder->counts();
  if (counts.bad_packets > 0) {
    all.push_back(path + ": " + std::to_string(counts.bad_packets) + " damaged packets");
  }
  if (counts.damaged_frames > 0) {
    all.push_back(path + ": " + std::to_string(counts.damaged_frames) +
                  " pictures were decoded with errors");
  }
  if (repaired_times_ > 0) {
    all.push_back(path + ": " + std::to_string(repaired_times_) +
                  " pictures had the time of an earlier one and were moved up");
  }
  if (demuxer->joins() > 0) {
    all.push_back(path + ": its clock starts anew " + std::to_string(demuxer->joins()) +
                  " times; the parts are joined without gaps");
  }
  if (interlaced_pictures_ > 0) {
    all.push_back(path + ": " + std::to_string(interlaced_pictures_) +
                  " interlaced pictures were taken as they are; their fields may comb");
  }
  if (!demuxer->truncation().empty()) {
    all.push_back(path + ": the file is cut off: " + demuxer->truncation());
  }
  return all;
}

VideoReader::VideoReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
VideoReader::~VideoReader() = default;

Result<std::unique_ptr<VideoReader>> VideoReader::Open(const std::string& path,
                                                       const ReaderOptions& options,
                                                       const CancelToken& cancel) {
  auto impl = std::make_unique<Impl>();
  OCTO_RETURN_IF_ERROR(impl->Start(path, options, cancel));
  return std::unique_ptr<VideoReader>(new VideoReader(std::move(impl)));
}

const MediaInfo& VideoReader::info() const { return impl_->info; }
const ReaderOptions& VideoReader::options() const { return impl_->options; }
const SourceWindow& VideoReader::window() const { return impl_->window; }
Result<std::optional<Picture>> VideoReader::Next() { return impl_->Next(); }
int64_t VideoReader::pictures() const { return impl_->pictures; }
bool VideoReader::stopped_at_limit() const { return impl_->stopped_at_limit; }
std::vector<std::string> VideoReader::warnings() const { return impl_->Warnings(); }
std::vector<std::string> VideoReader::lost_metadata() const {
  return {impl_->lost_metadata.begin(), impl_->lost_metadata.end()};
}

Result<MediaInfo> ProbeMedia(const std::string& path) {
  ReaderOptions options;
  options.threads = 1;
  OCTO_ASSIGN_OR_RETURN(const std::unique_ptr<VideoReader> reader,
                        VideoReader::Open(path, options));
  return reader->info();
}

}  // namespace octoscale
