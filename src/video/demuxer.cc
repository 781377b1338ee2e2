#include "video/demuxer.h"

#include <sys/stat.h>

#include <cerrno>

#include "base/file_sequence.h"
#include "video/input_format.h"

namespace octoscale {
namespace {

constexpr int64_t kBackwardJumpMicroseconds = 500'000;

Status CheckPath(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT && IsInputSequence(path)) return OkStatus();
    if (errno == ENOENT) return NotFound(path + ": no such file");
    return ErrnoStatus(errno, path);
  }
  if (S_ISDIR(info.st_mode)) {
    return InvalidArgument(path + ": is a directory, expected a video file");
  }
  if (!S_ISREG(info.st_mode)) {
    return InvalidArgument(path + ": is not a regular file; pipes and devices can't be read twice");
  }
  if (info.st_size == 0) return CorruptInput(path + ": the file is empty");
  return OkStatus();
}

bool Exists(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0;
}

// What FFmpeg logs, and reports no other way, when Matroska or AVI data end inside an element.
std::string TruncationIn(const std::string& log) {
  for (const char* words : {"prematurely", "partial file"}) {
    if (log.find(words) != std::string::npos) return log;
  }
  return {};
}

}  // namespace

Demuxer::Demuxer(std::string path, const CancelToken& cancel)
    : path_(std::move(path)), cancel_(cancel) {}

Demuxer::~Demuxer() {
  avformat_close_input(&context_);
  avio_closep(&file_);
}

Result<std::unique_ptr<Demuxer>> Demuxer::Open(const std::string& path, const CancelToken& cancel,
                                               Rational sequence_rate) {
  CaptureAvLog();
  OCTO_RETURN_IF_ERROR(CheckPath(path));
  std::unique_ptr<Demuxer> demuxer(new Demuxer(path, cancel));
  Status opened = demuxer->OpenContext(sequence_rate);
  if (!opened.ok()) {
    OCTO_RETURN_IF_ERROR(cancel.Check());
    return opened;
  }
  return demuxer;
}

// Opens real files here, not by FFmpeg, so that a '%d' in their name is no pattern.
Status Demuxer::OpenFile(const AVInputFormat** format, AvDict* options, Rational sequence_rate) {
  const std::string url = "file:" + path_;
  if (IsWebpAnimation(path_)) {
    OCTO_ASSIGN_OR_RETURN(animation_, WebpAnimation::Open(path_));
    context_->pb = animation_->io();
    *format = av_find_input_format("nut");
    return OkStatus();
  }
  if (Exists(path_)) {
    const int error =
        avio_open2(&file_, url.c_str(), AVIO_FLAG_READ, &context_->interrupt_callback, nullptr);
    if (error < 0) return AvStatus(error, path_);
    OCTO_ASSIGN_OR_RETURN(*format, FindInputFormat(path_, file_));
    context_->pb = file_;
    return OkStatus();
  }
  OCTO_ASSIGN_OR_RETURN(const SequenceRange range, FindSequence(*FileSequence::Parse(path_)));
  sequence_pictures_ = range.count;
  options->Set("start_number", std::to_string(range.first));
  options->Set("framerate",
               std::to_string(sequence_rate.num) + "/" + std::to_string(sequence_rate.den));
  *format = av_find_input_format("image2");
  return OkStatus();
}

Status Demuxer::OpenContext(Rational sequence_rate) {
  TakeAvLogLine();
  context_ = avformat_alloc_context();
  if (context_ == nullptr) return ResourceExhausted(path_ + ": out of memory");
  context_->interrupt_callback = InterruptOn(&cancel_);
  AvDict options;
  const AVInputFormat* format = nullptr;
  OCTO_RETURN_IF_ERROR(OpenFile(&format, &options, sequence_rate));
  // A file is one file: what it names is not opened.
  if (!is_sequence()) RefuseOtherFiles(context_, &other_file_);
  options.Set("protocol_whitelist", is_sequence() ? "file" : "");
  const std::string url = "file:" + (is_sequence() ? FileSequence::Parse(path_)->Escaped() : path_);
  int error = avformat_open_input(&context_, url.c_str(), format, options.get());
  if (error < 0 && !other_file_.empty())
    return NamesOtherFiles(path_, "a list with " + other_file_);
  if (error == AVERROR_INVALIDDATA || error == AVERROR_EOF) {
    const std::string line = TakeAvLogLine();
    return CorruptInput(path_ + ": not a media file that FFmpeg can read, or cut off" +
                        (line.empty() ? "" : " (" + line + ")"));
  }
  if (error < 0) return AvStatus(error, path_);
  error = avformat_find_stream_info(context_, nullptr);
  if (error < 0) return AvStatus(error, path_ + ": reading the stream headers");
  const int64_t pictures = animation_ ? animation_->frames() : sequence_pictures_;
  if (pictures > 0) context_->streams[0]->nb_frames = pictures;
  // Reading the headers may already meet the end of a cut-off file.
  truncation_ = TruncationIn(TakeAvLogLine());
  return OkStatus();
}

int Demuxer::DefaultVideoStream() const {
  int best = -1;
  int64_t best_rank = -1;
  for (unsigned i = 0; i < context_->nb_streams; ++i) {
    const AVStream* stream = context_->streams[i];
    if (stream->codecpar->codec_type != AVMEDIA_TYPE_VIDEO) continue;
    if (stream->disposition & (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS)) {
      continue;
    }
    const int64_t area = int64_t{stream->codecpar->width} * stream->codecpar->height;
    const int64_t is_default = (stream->disposition & AV_DISPOSITION_DEFAULT) != 0;
    const int64_t rank = (is_default << 40) + area;
    if (rank > best_rank) {
      best = static_cast<int>(i);
      best_rank = rank;
    }
  }
  return best;
}

// FFmpeg reports the end of a cut-off file as a plain end of file. The container's index knows
// better where it has one; Matroska says so in its log.
std::string Demuxer::FindTruncation() const {
  if (file_ == nullptr) return {};
  const int64_t size = avio_size(file_);
  for (unsigned i = 0; size > 0 && i < context_->nb_streams; ++i) {
    AVStream* stream = context_->streams[i];
    if (stream->discard == AVDISCARD_ALL) continue;
    const int entries = avformat_index_get_entries_count(stream);
    if (entries == 0) continue;
    const AVIndexEntry* last = avformat_index_get_entry(stream, entries - 1);
    if (last != nullptr && last->pos + last->size > size) {
      return "its index points at byte " + std::to_string(last->pos + last->size) +
             ", the file has " + std::to_string(size);
    }
  }
  return {};
}

// Transport and program streams may restart their clock anywhere. Where the decoding times of sound
// or picture jump back, all later times are moved so that the stream goes on without a gap. A jump
// forward is a gap, and stays one.
void Demuxer::JoinTimes(AVPacket* packet) {
  if ((context_->iformat->flags & AVFMT_TS_DISCONT) == 0 || packet->dts == AV_NOPTS_VALUE) return;
  const AVMediaType type = context_->streams[packet->stream_index]->codecpar->codec_type;
  const bool continuous = type == AVMEDIA_TYPE_VIDEO || type == AVMEDIA_TYPE_AUDIO;
  const AVRational base = context_->streams[packet->stream_index]->time_base;
  expected_dts_us_.resize(context_->nb_streams, AV_NOPTS_VALUE);
  int64_t& expected = expected_dts_us_[packet->stream_index];
  const int64_t dts = av_rescale_q(packet->dts, base, AV_TIME_BASE_Q);
  if (continuous && expected != AV_NOPTS_VALUE) {
    const int64_t jump = dts + join_offset_us_ - expected;
    if (jump < -kBackwardJumpMicroseconds) {
      join_offset_us_ -= jump;
      ++joins_;
    }
  }
  const int64_t offset = av_rescale_q(join_offset_us_, AV_TIME_BASE_Q, base);
  packet->dts += offset;
  if (packet->pts != AV_NOPTS_VALUE) packet->pts += offset;
  expected = dts + join_offset_us_ + av_rescale_q(packet->duration, base, AV_TIME_BASE_Q);
}

void Demuxer::SetDuration(AVPacket* packet) const {
  const AVRational base = context_->streams[packet->stream_index]->time_base;
  const AVRational milliseconds{1, 1000};
  const int64_t duration = animation_->DurationAt(av_rescale_q(packet->pts, base, milliseconds));
  if (duration > 0) packet->duration = av_rescale_q(duration, milliseconds, base);
}

bool Demuxer::Seek(int stream, int64_t ticks) {
  if (av_seek_frame(context_, stream, ticks, AVSEEK_FLAG_BACKWARD) < 0) return false;
  join_offset_us_ = 0;
  joins_ = 0;
  expected_dts_us_.clear();
  return true;
}

Result<bool> Demuxer::Read(AVPacket* packet) {
  while (true) {
    OCTO_RETURN_IF_ERROR(cancel_.Check());
    const int error = av_read_frame(context_, packet);
    if (error >= 0) {
      JoinTimes(packet);
      if (animation_) SetDuration(packet);
      return true;
    }
    if (error == AVERROR(EAGAIN)) continue;
    const std::string line = TakeAvLogLine();
    if (error == AVERROR_EXIT) return Cancelled(path_ + ": reading was stopped");
    const int io_error = context_->pb != nullptr ? context_->pb->error : 0;
    if (io_error < 0 && io_error != AVERROR_EOF) return AvStatus(io_error, path_ + ": read failed");
    if (truncation_.empty()) truncation_ = FindTruncation();
    if (truncation_.empty()) truncation_ = TruncationIn(line);
    if (truncation_.empty() && error != AVERROR_EOF) {
      return AvStatus(error, path_ + ": reading packets");
    }
    if (truncation_.empty() || allow_truncated_) return false;
    return CorruptInput(path_ + ": the file is cut off: " + truncation_);
  }
}

}  // namespace octoscale
