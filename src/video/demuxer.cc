#include "video/demuxer.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/file_sequence.h"
#include "video/input_format.h"

namespace octoscale {
namespace {

constexpr int64_t kProgramStreamProbeBytes = 64 << 20;
constexpr int64_t kProgramStreamProbeMicroseconds = 60'000'000;

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
  // A program stream has no list of its streams: each is found at its first packet.
  if (std::strcmp(context_->iformat->name, "mpeg") == 0) {
    context_->probesize = kProgramStreamProbeBytes;
    context_->max_analyze_duration = kProgramStreamProbeMicroseconds;
  }
  error = avformat_find_stream_info(context_, nullptr);
  if (error < 0) return AvStatus(error, path_ + ": reading the stream headers");
  const int64_t pictures = animation_ ? animation_->frames() : sequence_pictures_;
  if (pictures > 0) context_->streams[0]->nb_frames = pictures;
  if ((context_->iformat->flags & AVFMT_TS_DISCONT) != 0) {
    clock_ = std::make_unique<ClockJoiner>(context_, DefaultVideoStream());
  }
  // Reading the headers may already meet the end of a cut-off file.
  truncation_ = TruncationIn(TakeAvLogLine());
  return OkStatus();
}

bool Demuxer::may_find_streams() const {
  return (context_->ctx_flags & AVFMTCTX_NOHEADER) != 0 ||
         (context_->iformat->flags & AVFMT_TS_DISCONT) != 0;
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
    if (!IsKept(static_cast<int>(i))) continue;
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

void Demuxer::Keep(int stream, bool kept) {
  kept_.resize(context_->nb_streams, true);
  kept_[stream] = kept;
  // What decides about joins is read by all readers of the file.
  const bool read = kept || (clock_ && clock_->Counts(stream));
  context_->streams[stream]->discard = read ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
}

bool Demuxer::IsKept(int stream) const {
  return stream >= static_cast<int>(kept_.size()) || kept_[stream];
}

void Demuxer::SetDuration(AVPacket* packet) const {
  const AVRational base = context_->streams[packet->stream_index]->time_base;
  const AVRational milliseconds{1, 1000};
  const int64_t duration = animation_->DurationAt(av_rescale_q(packet->pts, base, milliseconds));
  if (duration > 0) packet->duration = av_rescale_q(duration, milliseconds, base);
}

bool Demuxer::Seek(int stream, int64_t ticks) {
  if (av_seek_frame(context_, stream, ticks, AVSEEK_FLAG_BACKWARD) < 0) return false;
  if (clock_) clock_->Reset();
  return true;
}

// False when clock_ needs more packets first.
bool Demuxer::TakeJoined(AVPacket* packet) {
  while (const AvPacketPtr joined = clock_->Pop()) {
    if (!IsKept(joined->stream_index)) continue;
    av_packet_move_ref(packet, joined.get());
    return true;
  }
  return false;
}

Result<bool> Demuxer::Read(AVPacket* packet) {
  while (true) {
    OCTO_RETURN_IF_ERROR(cancel_.Check());
    if (clock_ && TakeJoined(packet)) return true;
    const int error = av_read_frame(context_, packet);
    if (error >= 0 && clock_) {
      AvPacketPtr read = NewAvPacket();
      av_packet_move_ref(read.get(), packet);
      clock_->Push(std::move(read));
      continue;
    }
    if (error >= 0) {
      if (animation_) SetDuration(packet);
      return true;
    }
    if (error == AVERROR(EAGAIN)) continue;
    if (clock_ && clock_->End()) continue;
    return CheckEnd(error);
  }
}

// Why there is no packet: false at the end of the file.
Result<bool> Demuxer::CheckEnd(int error) {
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

}  // namespace octoscale
