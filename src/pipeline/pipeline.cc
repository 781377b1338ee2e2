#include "pipeline/pipeline.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "frame/rotate.h"
#include "pipeline/alpha_planes.h"
#include "pipeline/bounded_queue.h"
#include "pipeline/callbacks.h"
#include "pipeline/file_sink.h"
#include "pipeline/journal_dir.h"
#include "pipeline/reorder_buffer.h"
#include "pipeline/segment_sink.h"
#include "pipeline/sequence_sink.h"
#include "pipeline/start_thread.h"
#include "video/colour.h"

namespace octoscale {
namespace {

using Clock = std::chrono::steady_clock;

// How often the supervisor looks at the caller's token, and a paused slot at its flag.
constexpr auto kPollInterval = std::chrono::milliseconds(10);

struct TimedFrames {
  int64_t number = 0;  // of the batch
  int64_t first = 0;   // its first frame's number in the video
  std::vector<Frame> frames;
  std::vector<FrameTime> times;
  AlphaPlanes alphas;  // one a frame, or none at all
  size_t size_bytes() const {
    size_t bytes = 0;
    for (const Frame& frame : frames) bytes += frame.size_bytes();
    for (const auto& alpha : alphas) bytes += alpha ? alpha->samples.size() : 0;
    return bytes;
  }
};

// The stages of one run, their threads and the queues between them.
class PipelineRun {
 public:
  // turn: what is done to frames before they are upscaled.
  PipelineRun(VideoReader* reader, FrameUpscaler* upscaler, FrameSink* sink, Orientation turn,
              const PipelineOptions& options, Callbacks<PipelineProgress>* callbacks);

  // Runs all stages to the end, or to the first error.
  Result<SinkReport> Run(const CancelToken& caller);

 private:
  void DecodeStage();
  void ColourStage();
  void UpscaleStage();
  void SinkStage();

  Status ConvertAll(int64_t* batches);
  Status AddPicture(const Picture& picture, ColourToRgb* colour, TimedFrames* batch);
  Result<std::vector<Frame>> UpscaleChecked(std::vector<Frame> batch);
  Status WriteBatch(TimedFrames batch);
  void WaitWhilePaused();

  template <typename Stage>
  void Spawn(Stage stage);
  void StageEnded();
  void Fail(const Status& status);
  void Supervise(const CancelToken& caller);
  Status FirstError();

  VideoReader* reader_;
  FrameUpscaler* upscaler_;
  FrameSink* sink_;
  Orientation turn_;
  bool keep_alpha_;
  const PipelineOptions& options_;
  Callbacks<PipelineProgress>* callbacks_;
  int batch_frames_;
  int slots_;
  CancelToken cancel_;
  BoundedQueue<Picture> pictures_;
  BoundedQueue<TimedFrames> batches_;
  ReorderBuffer<TimedFrames> upscaled_;

  std::mutex mutex_;
  std::condition_variable stage_ended_;
  int running_ = 0;
  Status error_;
  Clock::time_point first_batch_;
  bool first_batch_seen_ = false;
  int64_t frames_done_;
  std::optional<SinkReport> report_;
  std::vector<std::thread> threads_;
};

std::vector<std::string> WarningsOf(const VideoReader& reader) {
  std::vector<std::string> all = reader.warnings();
  for (std::string& lost : reader.lost_metadata()) all.push_back(std::move(lost));
  return all;
}

int BatchFrames(const VideoReader& reader, const FrameUpscaler& upscaler,
                const PipelineOptions& options) {
  const int wanted = options.batch_frames > 0 ? options.batch_frames : upscaler.info().batch_frames;
  const VideoStreamInfo& video = reader.info().video;
  const size_t scale = static_cast<size_t>(upscaler.info().scale);
  // A plane of alpha is upscaled as a frame of its own.
  const size_t planes = video.has_alpha ? 2 * Frame::kPlanes : Frame::kPlanes;
  const size_t frame_bytes = scale * scale * video.size.width * video.size.height * planes *
                             SampleBytes(video.sample_type);
  const size_t fitting = std::max<size_t>(1, options.batch_bytes_max / frame_bytes);
  return static_cast<int>(std::min<size_t>(std::max(1, wanted), fitting));
}

PipelineRun::PipelineRun(VideoReader* reader, FrameUpscaler* upscaler, FrameSink* sink,
                         Orientation turn, const PipelineOptions& options,
                         Callbacks<PipelineProgress>* callbacks)
    : reader_(reader),
      upscaler_(upscaler),
      sink_(sink),
      turn_(turn),
      keep_alpha_(reader->info().video.has_alpha && sink->format().has_alpha &&
                  !options.reader.drop_alpha),
      options_(options),
      callbacks_(callbacks),
      batch_frames_(BatchFrames(*reader, *upscaler, options)),
      slots_(std::max(1, options.batches_in_flight > 0 ? options.batches_in_flight
                                                       : upscaler->info().batches_in_flight)),
      pictures_(options.queue_frames_max, options.queue_bytes_max),
      // One batch waits for each slot: the next is at hand when an upscale ends.
      batches_(slots_, options.queue_bytes_max),
      upscaled_(options.queue_bytes_max),
      frames_done_(sink->first_frame()) {}

template <typename Stage>
void PipelineRun::Spawn(Stage stage) {
  {
    const std::lock_guard lock(mutex_);
    ++running_;
  }
  const auto run = [this, stage] {
    try {
      (this->*stage)();
    } catch (const std::bad_alloc&) {
      Fail(ResourceExhausted("out of memory; use smaller batches or queues"));
    } catch (const std::exception& e) {
      Fail(Internal(e.what()));
    }
    StageEnded();
  };
  if (Result<std::thread> thread = StartThread(run); thread.ok()) {
    threads_.push_back(std::move(thread).value());
  } else {
    Fail(thread.status());
    StageEnded();
  }
}

void PipelineRun::StageEnded() {
  const std::lock_guard lock(mutex_);
  --running_;
  stage_ended_.notify_all();
}

// The first error wins; the others are its echoes.
void PipelineRun::Fail(const Status& status) {
  {
    const std::lock_guard lock(mutex_);
    if (!error_.ok()) return;
    error_ = status;
  }
  cancel_.Cancel();
  pictures_.Cancel();
  batches_.Cancel();
  upscaled_.Cancel();
}

Status PipelineRun::FirstError() {
  const std::lock_guard lock(mutex_);
  return error_;
}

void PipelineRun::DecodeStage() {
  size_t warnings = 0;
  for (int64_t index = 0;; ++index) {
    Result<std::optional<Picture>> picture = reader_->Next();
    if (!picture.ok()) return Fail(picture.status());
    if (!picture->has_value()) break;
    if (index < sink_->first_frame()) {
      const Status status = sink_->Skip(index, (*picture)->time());
      if (!status.ok()) return Fail(status);
      if (cancel_.stopped()) return;
      continue;
    }
    // The first damaged packet, the first picture out of order, and so on.
    const std::vector<std::string> all = WarningsOf(*reader_);
    if (all.size() > warnings) callbacks_->Warn(all);
    warnings = all.size();
    const size_t bytes = (*picture)->size_bytes();
    if (!pictures_.Push(std::move(**picture), bytes)) return;
  }
  pictures_.Close();
}

void PipelineRun::ColourStage() {
  int64_t batches = 0;
  const Status status = ConvertAll(&batches);
  if (!status.ok()) return Fail(status);
  if (cancel_.stopped()) return;
  batches_.Close();
  upscaled_.SetEnd(batches);
}

Status PipelineRun::AddPicture(const Picture& picture, ColourToRgb* colour, TimedFrames* batch) {
  OCTO_ASSIGN_OR_RETURN(Frame frame, colour->Convert(picture));
  if (!turn_.upright()) frame = TurnFrame(frame, turn_);
  if (keep_alpha_) {
    OCTO_ASSIGN_OR_RETURN(std::optional<AlphaPlane> alpha, AlphaOf(picture, frame.sample_type()));
    if (alpha && !turn_.upright()) alpha = TurnAlpha(*alpha, turn_);
    batch->alphas.push_back(std::move(alpha));
  }
  batch->frames.push_back(std::move(frame));
  batch->times.push_back(picture.time());
  return OkStatus();
}

// Colours and batches; the last batch, and that at the end of a segment, may be short.
Status PipelineRun::ConvertAll(int64_t* batches) {
  ColourToRgb colour(reader_->info().video.sample_type, options_.reader.drop_alpha || keep_alpha_);
  TimedFrames batch;
  const int64_t segment = sink_->segment_frames();
  int64_t next = sink_->first_frame();
  const auto flush = [&] {
    if (batch.frames.empty()) return true;
    batch.number = (*batches)++;
    batch.first = next - static_cast<int64_t>(batch.frames.size());
    const size_t bytes = batch.size_bytes();
    return batches_.Push(std::exchange(batch, {}), bytes);
  };
  while (std::optional<Picture> picture = pictures_.Pop()) {
    OCTO_RETURN_IF_ERROR(AddPicture(*picture, &colour, &batch));
    ++next;
    const bool full = static_cast<int>(batch.frames.size()) >= batch_frames_;
    const bool segment_ends = segment > 0 && next % segment == 0;
    if ((full || segment_ends) && !flush()) return OkStatus();
  }
  flush();
  return OkStatus();
}

void PipelineRun::WaitWhilePaused() {
  while (options_.paused != nullptr && options_.paused->load() && !cancel_.stopped()) {
    std::this_thread::sleep_for(kPollInterval);
  }
}

Result<std::vector<Frame>> PipelineRun::UpscaleChecked(std::vector<Frame> batch) {
  const size_t count = batch.size();
  const int scale = upscaler_->info().scale;
  const FrameSize expected{batch[0].width() * scale, batch[0].height() * scale};
  const SampleType type = batch[0].sample_type();
  OCTO_ASSIGN_OR_RETURN(std::vector<Frame> result, upscaler_->Upscale(std::move(batch), cancel_));
  if (result.size() != count) {
    return Internal("the upscaler returned " + std::to_string(result.size()) + " frames for " +
                    std::to_string(count));
  }
  for (const Frame& frame : result) {
    if (frame.size() == expected && frame.sample_type() == type) continue;
    return Internal("the upscaler returned a " + std::to_string(frame.width()) + "x" +
                    std::to_string(frame.height()) + " frame, expected " +
                    std::to_string(expected.width) + "x" + std::to_string(expected.height));
  }
  return result;
}

// Says which frames an upscaler failed at; what stopped it from outside has nothing to do with
// them.
Status WithFrames(const Status& status, const TimedFrames& batch) {
  if (status.code() != StatusCode::kInternal) return status;
  const int64_t last = batch.first + static_cast<int64_t>(batch.times.size());
  return status.WithContext("frames " + std::to_string(batch.first + 1) + " to " +
                            std::to_string(last) + " of the video");
}

void PipelineRun::UpscaleStage() {
  while (std::optional<TimedFrames> batch = batches_.Pop()) {
    WaitWhilePaused();
    {
      const std::lock_guard lock(mutex_);
      if (!first_batch_seen_) first_batch_ = Clock::now();
      first_batch_seen_ = true;
    }
    Result<std::vector<Frame>> result = UpscaleChecked(std::move(batch->frames));
    if (!result.ok()) return Fail(WithFrames(result.status(), *batch));
    batch->frames = std::move(result).value();
    const Status alpha = UpscaleAlpha(&batch->alphas, upscaler_, cancel_);
    if (!alpha.ok()) return Fail(WithFrames(alpha, *batch));
    const size_t bytes = batch->size_bytes();
    const int64_t number = batch->number;
    if (!upscaled_.Put(number, std::move(*batch), bytes)) return;
  }
}

Status PipelineRun::WriteBatch(TimedFrames batch) {
  for (size_t i = 0; i < batch.frames.size(); ++i) {
    OCTO_RETURN_IF_ERROR(cancel_.Check());
    SinkFrame frame{std::move(batch.frames[i]), std::nullopt, batch.times[i]};
    if (!batch.alphas.empty()) frame.alpha = std::move(batch.alphas[i]);
    OCTO_RETURN_IF_ERROR(sink_->Write(frames_done_, std::move(frame)));
    ++frames_done_;
    if (!callbacks_->wants_progress()) continue;
    PipelineProgress now;
    now.frames_done = frames_done_;
    const VideoStreamInfo& video = reader_->info().video;
    now.frames_total = video.frames > 0 ? std::max(video.frames, frames_done_) : 0;
    now.total_exact = video.frames_exact;
    {
      const std::lock_guard lock(mutex_);
      now.seconds = SecondsSince(first_batch_);
    }
    const int64_t fresh = frames_done_ - sink_->first_frame();
    now.fps = now.seconds > 0 ? fresh / now.seconds : 0;
    callbacks_->Tell(now);
  }
  return OkStatus();
}

void PipelineRun::SinkStage() {
  while (std::optional<TimedFrames> batch = upscaled_.Pop()) {
    const Status status = WriteBatch(std::move(*batch));
    if (!status.ok()) return Fail(status);
  }
  if (cancel_.stopped()) return;
  Result<SinkReport> report = sink_->Finish(reader_->stopped_at_limit());
  if (!report.ok()) return Fail(report.status());
  report_ = std::move(report).value();
}

// Passes the caller's cancellation on, until every stage has ended.
void PipelineRun::Supervise(const CancelToken& caller) {
  std::unique_lock lock(mutex_);
  while (running_ > 0) {
    stage_ended_.wait_for(lock, kPollInterval);
    if (!caller.stopped() || !error_.ok()) continue;
    lock.unlock();
    Fail(caller.Check());
    lock.lock();
  }
}

Result<SinkReport> PipelineRun::Run(const CancelToken& caller) {
  threads_.reserve(static_cast<size_t>(slots_) + 3);
  Spawn(&PipelineRun::DecodeStage);
  Spawn(&PipelineRun::ColourStage);
  for (int i = 0; i < slots_; ++i) Spawn(&PipelineRun::UpscaleStage);
  Spawn(&PipelineRun::SinkStage);
  Supervise(caller);
  for (std::thread& thread : threads_) thread.join();
  // A file that is complete under its name stays complete, whatever came an instant later.
  if (report_) return std::move(*report_);
  const Status error = FirstError();
  return error.ok() ? Internal("the pipeline ended without a result") : error;
}

Status CheckScale(const VideoStreamInfo& video, int scale) {
  const int64_t width = int64_t{video.size.width} * scale;
  const int64_t height = int64_t{video.size.height} * scale;
  if (scale >= 1 && width <= kFrameSideMax && height <= kFrameSideMax) return OkStatus();
  return InvalidArgument("the output would be " + std::to_string(width) + "x" +
                         std::to_string(height) + ", at most " + std::to_string(kFrameSideMax) +
                         " pixels a side are possible; choose a smaller scale");
}

Status CheckOptions(const PipelineOptions& options) {
  if (options.queue_frames_max < 1 || options.queue_bytes_max < 1 || options.batch_bytes_max < 1) {
    return InvalidArgument("queue and batch bounds: expected at least 1");
  }
  return OkStatus();
}

// Pictures tell no viewer to turn them, and not every container does.
Orientation TurnFor(const VideoReader& reader, const std::string& output) {
  if (IsPictureSequence(output)) return reader.info().video.orientation;
  return TurnBeforeWriting(reader, output);
}

struct Sinks {
  std::unique_ptr<FileSink> file;
  std::unique_ptr<SegmentSink> segments;
  std::unique_ptr<SequenceSink> pictures;
  std::vector<std::string> warnings;
  FrameSink* get() const {
    if (pictures) return pictures.get();
    return segments ? static_cast<FrameSink*>(segments.get()) : file.get();
  }
};

Result<Sinks> OpenSink(const std::string& output, const VideoReader& reader, FrameSize size,
                       const PipelineOptions& options, const UpscalerInfo& upscaler,
                       const CancelToken& cancel) {
  Sinks sinks;
  const JournalMode mode = options.journal.mode;
  if (IsPictureSequence(output)) {
    if (mode == JournalMode::kResume) return Unsupported(output + ": can't resume pictures");
    OCTO_ASSIGN_OR_RETURN(
        sinks.pictures,
        SequenceSink::Open(output, reader, size, options.writer.overwrite, options.image));
    return sinks;
  }
  if (mode != JournalMode::kNone) {
    const Status resumable = CheckResumable(reader.info().path, options.writer.encoder);
    if (resumable.ok()) {
      OCTO_ASSIGN_OR_RETURN(sinks.segments,
                            SegmentSink::Open(output, reader, size, options, upscaler, cancel));
      return sinks;
    }
    if (mode == JournalMode::kResume) return resumable.WithContext("can't resume");
    OCTO_RETURN_IF_ERROR(ClearOldJournal(output, options.writer.overwrite));
    sinks.warnings.push_back("if this run is interrupted, it can't be resumed: " +
                             resumable.message());
  }
  OCTO_ASSIGN_OR_RETURN(
      sinks.file, FileSink::Open(output, reader, size, options.writer, options.queue_frames_max,
                                 options.queue_bytes_max, cancel));
  return sinks;
}

}  // namespace

Status CheckPipelineOutput(const std::string& input, const std::string& output,
                           const PipelineOptions& options) {
  if (IsPictureSequence(output)) {
    return CheckSequenceOutput(input, output, options.writer.overwrite);
  }
  WriterOptions writer = options.writer;
  RemoveEmptyJournalDirectory(output);
  if (options.journal.mode == JournalMode::kResume && !writer.overwrite) {
    // Only the journal was left to remove: going on replaces nothing.
    const auto kept = FindKeptWork(output);
    writer.overwrite = kept.ok() && kept->has_value() && (*kept)->joined;
  }
  return CheckOutput(input, output, writer);
}

Result<PipelineReport> RunPipeline(const std::string& input, const std::string& output,
                                   FrameUpscaler& upscaler, const PipelineOptions& options,
                                   const ProgressCallback& progress, const CancelToken& cancel) {
  const auto start = Clock::now();
  OCTO_RETURN_IF_ERROR(CheckOptions(options));
  OCTO_RETURN_IF_ERROR(CheckPipelineOutput(input, output, options));
  OCTO_ASSIGN_OR_RETURN(std::unique_ptr<VideoReader> reader,
                        VideoReader::Open(input, options.reader, cancel));
  const int scale = upscaler.info().scale;
  const VideoStreamInfo& video = reader->info().video;
  OCTO_RETURN_IF_ERROR(CheckScale(video, scale));
  const Orientation turn = TurnFor(*reader, output);
  const FrameSize turned = TurnedSize(video.size, turn);
  const FrameSize size{turned.width * scale, turned.height * scale};
  OCTO_ASSIGN_OR_RETURN(const Sinks sinks,
                        OpenSink(output, *reader, size, options, upscaler.info(), cancel));
  FrameSink* sink = sinks.get();
  const bool complete = sinks.segments && sinks.segments->output_complete();
  Callbacks<PipelineProgress> callbacks(progress, options.on_warning);
  callbacks.Warn(WarningsOf(*reader));
  callbacks.Warn(sinks.warnings);
  callbacks.Warn(sink->warnings());
  PipelineRun run(reader.get(), &upscaler, sink, turn, options, &callbacks);
  OCTO_ASSIGN_OR_RETURN(SinkReport finished, complete ? sink->Finish(false) : run.Run(cancel));

  PipelineReport report;
  report.frames = finished.writer.frames;
  report.frames_resumed = sink->first_frame();
  report.width = size.width;
  report.height = size.height;
  report.seconds = SecondsSince(start);
  report.fps = report.seconds > 0 ? (report.frames - report.frames_resumed) / report.seconds : 0;
  report.audio_streams = finished.writer.audio_streams;
  report.subtitle_streams = finished.writer.subtitle_streams;
  report.attachments = finished.writer.attachments;
  report.chapters = finished.writer.chapters;
  report.output_bytes = finished.writer.bytes;
  report.encoder = options.writer.encoder.codec;
  report.pixel_format = sink->format().pixel_format;
  report.warnings = WarningsOf(*reader);
  report.warnings.insert(report.warnings.end(), sinks.warnings.begin(), sinks.warnings.end());
  report.warnings.insert(report.warnings.end(), finished.warnings.begin(), finished.warnings.end());
  callbacks.Warn(report.warnings);
  return report;
}

Result<SinkReport> RunPipelineInto(FrameSink& sink, const std::string& input,
                                   FrameUpscaler& upscaler, const PipelineOptions& options,
                                   const ProgressCallback& progress, const CancelToken& cancel) {
  OCTO_RETURN_IF_ERROR(CheckOptions(options));
  OCTO_ASSIGN_OR_RETURN(const std::unique_ptr<VideoReader> reader,
                        VideoReader::Open(input, options.reader, cancel));
  OCTO_RETURN_IF_ERROR(CheckScale(reader->info().video, upscaler.info().scale));
  Callbacks<PipelineProgress> callbacks(progress, options.on_warning);
  callbacks.Warn(WarningsOf(*reader));
  PipelineRun run(reader.get(), &upscaler, &sink, Orientation(), options, &callbacks);
  OCTO_ASSIGN_OR_RETURN(SinkReport report, run.Run(cancel));
  callbacks.Warn(WarningsOf(*reader));
  return report;
}

}  // namespace octoscale
