#include "pipeline/file_sink.h"

#include <exception>
#include <new>
#include <utility>

namespace octoscale {

FileSink::FileSink(std::unique_ptr<VideoWriter> writer, int queue_frames_max,
                   size_t queue_bytes_max)
    : writer_(std::move(writer)),
      colour_(writer_->format()),
      queue_(static_cast<size_t>(queue_frames_max), queue_bytes_max),
      encoder_([this] { EncodeAll(); }) {}

FileSink::~FileSink() {
  queue_.Cancel();
  if (encoder_.joinable()) encoder_.join();
}

Result<std::unique_ptr<FileSink>> FileSink::Open(const std::string& output,
                                                 const VideoReader& source, FrameSize output_size,
                                                 const WriterOptions& options, int queue_frames_max,
                                                 size_t queue_bytes_max,
                                                 const CancelToken& cancel) {
  OCTO_ASSIGN_OR_RETURN(std::unique_ptr<VideoWriter> writer,
                        VideoWriter::Open(output, source, output_size, options, cancel));
  return std::unique_ptr<FileSink>(
      new FileSink(std::move(writer), queue_frames_max, queue_bytes_max));
}

void FileSink::EncodeAll() {
  Status status;
  try {
    while (std::optional<Picture> picture = queue_.Pop()) {
      status = writer_->Write(std::move(*picture));
      if (!status.ok()) break;
    }
  } catch (const std::bad_alloc&) {
    status = ResourceExhausted("out of memory while encoding");
  } catch (const std::exception& e) {
    status = Internal(std::string("encoding: ") + e.what());
  }
  if (status.ok()) return;
  {
    const std::lock_guard lock(mutex_);
    error_ = status;
  }
  queue_.Cancel();
}

Status FileSink::EncodeError() {
  const std::lock_guard lock(mutex_);
  return error_;
}

Status FileSink::Write(int64_t, Frame frame, FrameTime time) {
  OCTO_ASSIGN_OR_RETURN(Picture picture, colour_.Convert(frame, time));
  const size_t bytes = picture.size_bytes();
  if (queue_.Push(std::move(picture), bytes)) return OkStatus();
  OCTO_RETURN_IF_ERROR(EncodeError());
  return Internal("a frame came after the end of the video");
}

Result<SinkReport> FileSink::Finish(bool trim_end) {
  queue_.Close();
  encoder_.join();
  OCTO_RETURN_IF_ERROR(EncodeError());
  SinkReport report;
  OCTO_ASSIGN_OR_RETURN(report.writer, writer_->Finish(trim_end));
  report.warnings = writer_->warnings();
  return report;
}

}  // namespace octoscale
