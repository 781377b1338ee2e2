#include "pipeline/segment_sink.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <utility>

#include "base/content_hash.h"
#include "base/cpu.h"
#include "base/file_sequence.h"

namespace octoscale {
namespace {

constexpr int64_t kSegmentPixels = int64_t{256} * 640 * 360;
constexpr int64_t kSegmentFramesMin = 64;
constexpr int64_t kSegmentFramesMax = 256;
constexpr int64_t kSegmentFramesStep = 8;

std::string LocalTime() {
  const time_t now = time(nullptr);
  struct tm parts {};
  localtime_r(&now, &parts);
  std::array<char, 32> text{};
  strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return text.data();
}

std::string FramesText(int64_t frames) {
  return std::to_string(frames) + (frames == 1 ? " frame" : " frames");
}

Status WorkIsThere(const std::string& output, const std::string& directory,
                   const Journal& journal) {
  return AlreadyExists(output + ": an interrupted run of " + journal.header.started + " left " +
                       FramesText(journal.frames()) + " of '" + journal.header.input + "' in " +
                       directory + "; add --resume to go on with them, or -y to start over");
}

}  // namespace

int64_t SegmentFrames(FrameSize input) {
  const int64_t pixels = std::max<int64_t>(1, int64_t{input.width} * input.height);
  const int64_t frames = std::clamp(kSegmentPixels / pixels, kSegmentFramesMin, kSegmentFramesMax);
  return (frames + kSegmentFramesStep - 1) / kSegmentFramesStep * kSegmentFramesStep;
}

uint64_t HashFrame(const Frame& frame, const AlphaPlane* alpha) {
  ContentHasher hasher;
  const std::array<int32_t, 3> shape = {frame.width(), frame.height(),
                                        SampleBytes(frame.sample_type())};
  hasher.Update(shape.data(), sizeof(shape));
  const size_t row_bytes = static_cast<size_t>(frame.width()) * SampleBytes(frame.sample_type());
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    for (int y = 0; y < frame.height(); ++y) hasher.Update(frame.row(plane, y), row_bytes);
  }
  if (alpha != nullptr) hasher.Update(alpha->row(0), alpha->stride_bytes() * alpha->size.height);
  return hasher.Digest();
}

Status CheckResumable(const std::string& input, const EncoderOptions& encoder) {
  OCTO_RETURN_IF_ERROR(CheckSegmentable(encoder));
  if (IsInputSequence(input)) return OkStatus();
  struct stat info {};
  if (stat(input.c_str(), &info) == 0 && S_ISREG(info.st_mode)) return OkStatus();
  return Unsupported(input + ": is not one regular file, so a change of it would go unnoticed");
}

Status ClearOldJournal(const std::string& output, bool overwrite) {
  struct stat info {};
  if (stat(JournalDirectory(output).c_str(), &info) != 0) return OkStatus();
  OCTO_ASSIGN_OR_RETURN(const std::unique_ptr<JournalDir> dir, JournalDir::Open(output));
  if (!overwrite) {
    OCTO_ASSIGN_OR_RETURN(const std::optional<Journal> journal, dir->Load());
    if (journal && !journal->segments.empty()) return WorkIsThere(output, dir->path(), *journal);
  }
  dir->Remove();
  return OkStatus();
}

SegmentSink::SegmentSink(std::string output, const VideoReader& source, FrameSize output_size,
                         const PipelineOptions& options, const CancelToken& cancel)
    : output_(std::move(output)),
      source_(source),
      output_size_(output_size),
      options_(options),
      cancel_(cancel) {
  segment_frames_ = options.journal.segment_frames > 0 ? options.journal.segment_frames
                                                       : SegmentFrames(source.info().video.size);
}

SegmentSink::~SegmentSink() {
  encoder_.reset();
  const bool open = segment_ != nullptr;
  segment_.reset();
  if (!owns_journal_) return;
  if (open) unlink(PartPath().c_str());
  if (segments_.empty()) dir_->Remove();
}

Result<std::unique_ptr<SegmentSink>> SegmentSink::Open(
    const std::string& output, const VideoReader& source, FrameSize output_size,
    const PipelineOptions& options, const UpscalerInfo& upscaler, const CancelToken& cancel) {
  std::unique_ptr<SegmentSink> sink(new SegmentSink(output, source, output_size, options, cancel));
  OCTO_RETURN_IF_ERROR(sink->Prepare(upscaler));
  return sink;
}

// What an earlier run left, if this one may have it.
Result<std::optional<Journal>> SegmentSink::LoadJournal() const {
  const bool resume = options_.journal.mode == JournalMode::kResume;
  if (!resume && options_.writer.overwrite) return std::optional<Journal>();
  OCTO_ASSIGN_OR_RETURN(std::optional<Journal> journal, dir_->Load());
  if (journal && journal->segments.empty()) journal.reset();
  if (journal && !resume) return WorkIsThere(output_, dir_->path(), *journal);
  return journal;
}

Status SegmentSink::Prepare(const UpscalerInfo& upscaler) {
  OCTO_ASSIGN_OR_RETURN(dir_, JournalDir::Open(output_));
  options_.writer.work_directory = dir_->path();
  OCTO_ASSIGN_OR_RETURN(const std::optional<Journal> journal, LoadJournal());
  int& threads = options_.writer.encoder.threads;
  if (threads <= 0) threads = journal ? journal->header.encoder_threads : AvailableCores();
  OCTO_ASSIGN_OR_RETURN(JobFacts facts, DescribeJob(source_.info().path, output_, options_,
                                                    upscaler, threads, segment_frames_));
  if (journal) {
    const std::string differences = DescribeDifferences(journal->header.facts, facts);
    if (!differences.empty()) {
      return AlreadyExists("can't resume " + output_ + ": the journal in " + dir_->path() +
                           " belongs to another job (" + differences +
                           "); use the same input and options, or start over with -y and without "
                           "--resume");
    }
    if (IsJoinedOutput(output_, *journal)) {
      segments_ = journal->segments;
      first_frame_ = journal->frames();
      output_complete_ = true;
      return OkStatus();
    }
  }
  OCTO_RETURN_IF_ERROR(CheckWriter());
  if (journal) {
    OCTO_RETURN_IF_ERROR(ContinueJournal(*journal));
    owns_journal_ = true;
  } else {
    owns_journal_ = true;
    OCTO_RETURN_IF_ERROR(StartJournal(std::move(facts)));
  }
  colour_ = std::make_unique<ColourFromRgb>(format_);
  encoder_ = std::make_unique<EncoderThread>(
      [this](Picture picture) { return Encode(std::move(picture)); }, options_.queue_frames_max,
      options_.queue_bytes_max);
  return OkStatus();
}

// Opens the output once, so that what would fail at the end fails now.
Status SegmentSink::CheckWriter() {
  OCTO_ASSIGN_OR_RETURN(
      const std::unique_ptr<VideoWriter> writer,
      VideoWriter::Open(output_, source_, output_size_, options_.writer, cancel_));
  format_ = writer->format();
  early_warnings_ = writer->warnings();
  return OkStatus();
}

Status SegmentSink::StartJournal(JobFacts facts) {
  JournalHeader header;
  header.input = source_.info().path;
  header.started = LocalTime();
  header.segment_frames = segment_frames_;
  header.encoder_threads = options_.writer.encoder.threads;
  header.facts = std::move(facts);
  return dir_->Start(header);
}

Status SegmentSink::ContinueJournal(const Journal& journal) {
  size_t good = 0;
  for (const SegmentRecord& segment : journal.segments) {
    OCTO_RETURN_IF_ERROR(cancel_.Check());
    const Status status = CheckSegmentFile(dir_->SegmentPath(good), segment.bytes, segment.hash);
    if (!status.ok()) {
      warnings_.push_back("the frames from " + std::to_string(segment.first_frame) +
                          " on are made again: " + status.message());
      break;
    }
    ++good;
  }
  OCTO_RETURN_IF_ERROR(dir_->Continue(journal, good));
  segments_.assign(journal.segments.begin(),
                   journal.segments.begin() + static_cast<ptrdiff_t>(good));
  first_frame_ = segments_.empty() ? 0 : segments_.back().first_frame + segments_.back().frames;
  return OkStatus();
}

std::string SegmentSink::PartPath() const { return dir_->SegmentPath(segments_.size()) + ".part"; }

Status SegmentSink::Skip(int64_t index, FrameTime time) {
  const SegmentRecord& segment = segments_[static_cast<size_t>(index / segment_frames_)];
  const bool first = index == segment.first_frame;
  const bool last = index == segment.first_frame + segment.frames - 1;
  skipped_ = index + 1;
  if ((!first || time.pts == segment.first_pts) && (!last || time.pts == segment.last_pts)) {
    return OkStatus();
  }
  return CorruptInput(source_.info().path + ": frame " + std::to_string(index) +
                      " has another time than when the journal was written; start over with -y");
}

Status SegmentSink::CheckSource() const {
  if (skipped_ == first_frame_ && first_frame_ % segment_frames_ == 0) return OkStatus();
  return CorruptInput(source_.info().path + ": the number of frames is not that of the run that " +
                      "left " + std::to_string(first_frame_) + " in " + dir_->path() +
                      "; start over with -y");
}

Status SegmentSink::Write(int64_t index, SinkFrame frame) {
  // The earlier run may have reached the end of the video, in a short last segment.
  if (index == first_frame_) OCTO_RETURN_IF_ERROR(CheckSource());
  const AlphaPlane* alpha = frame.alpha ? &*frame.alpha : nullptr;
  const uint64_t hash = HashFrame(frame.frame, alpha);
  OCTO_ASSIGN_OR_RETURN(Picture picture, colour_->Convert(frame.frame, frame.time, alpha));
  {
    const std::lock_guard lock(hashes_mutex_);
    hashes_.push_back(hash);
  }
  return encoder_->Push(std::move(picture));
}

Status SegmentSink::Encode(Picture picture) {
  OCTO_RETURN_IF_ERROR(cancel_.Check());
  if (!segment_) {
    OCTO_ASSIGN_OR_RETURN(segment_, SegmentWriter::Open(PartPath(), source_, output_size_,
                                                        options_.writer.encoder, output_));
  }
  OCTO_RETURN_IF_ERROR(segment_->Write(std::move(picture)));
  return segment_->frames() == segment_frames_ ? CloseSegment() : OkStatus();
}

Status SegmentSink::CloseSegment() {
  OCTO_ASSIGN_OR_RETURN(const SegmentInfo info, segment_->Close());
  const std::string name = dir_->SegmentPath(segments_.size());
  if (rename(PartPath().c_str(), name.c_str()) != 0) return ErrnoStatus(errno, name);
  OCTO_RETURN_IF_ERROR(dir_->Sync());
  segment_.reset();
  SegmentRecord record;
  record.first_frame = segments_.empty() ? 0 : segments_.back().first_frame + segment_frames_;
  record.frames = info.frames;
  record.bytes = info.bytes;
  record.hash = info.hash;
  record.first_pts = info.first_pts;
  record.last_pts = info.last_pts;
  record.end_pts = info.end_pts;
  {
    const std::lock_guard lock(hashes_mutex_);
    const auto end = hashes_.begin() + static_cast<ptrdiff_t>(info.frames);
    record.frame_hashes.assign(hashes_.begin(), end);
    hashes_.erase(hashes_.begin(), end);
  }
  OCTO_RETURN_IF_ERROR(dir_->Append(record));
  segments_.push_back(std::move(record));
  return OkStatus();
}

Result<SinkReport> SegmentSink::ReportComplete() {
  SinkReport report;
  report.writer.frames = first_frame_;
  struct stat info {};
  if (stat(output_.c_str(), &info) == 0) report.writer.bytes = info.st_size;
  dir_->Remove();
  return report;
}

Result<SinkReport> SegmentSink::Finish(bool trim_end) {
  if (output_complete_) return ReportComplete();
  OCTO_RETURN_IF_ERROR(encoder_->Finish());
  if (skipped_ != first_frame_) return CheckSource();
  if (segment_) OCTO_RETURN_IF_ERROR(CloseSegment());
  return Join(trim_end);
}

Result<SinkReport> SegmentSink::Join(bool trim_end) {
  std::vector<std::string> paths;
  for (size_t i = 0; i < segments_.size(); ++i) paths.push_back(dir_->SegmentPath(i));
  OCTO_ASSIGN_OR_RETURN(
      const std::unique_ptr<VideoWriter> writer,
      VideoWriter::Open(output_, source_, output_size_, options_.writer, cancel_));
  OCTO_RETURN_IF_ERROR(writer->AppendSegments(paths));
  struct stat info {};
  if (stat(writer->unfinished_path().c_str(), &info) != 0) {
    return ErrnoStatus(errno, writer->unfinished_path());
  }
  OCTO_RETURN_IF_ERROR(dir_->Append(JoinRecord{info.st_dev, info.st_ino}));
  SinkReport report;
  OCTO_ASSIGN_OR_RETURN(report.writer, writer->Finish(trim_end));
  report.warnings = warnings_;
  const std::vector<std::string> of_writer = writer->warnings();
  report.warnings.insert(report.warnings.end(), of_writer.begin(), of_writer.end());
  dir_->Remove();
  return report;
}

}  // namespace octoscale
