#include "pipeline/file_sink.h"

#include <utility>

namespace octoscale {

FileSink::FileSink(std::unique_ptr<VideoWriter> writer, int queue_frames_max,
                   size_t queue_bytes_max)
    : writer_(std::move(writer)),
      colour_(writer_->format()),
      encoder_([this](Picture picture) { return writer_->Write(std::move(picture)); },
               queue_frames_max, queue_bytes_max) {}

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

Status FileSink::Write(int64_t, SinkFrame frame) {
  OCTO_ASSIGN_OR_RETURN(Picture picture, colour_.Convert(frame.frame, frame.time,
                                                         frame.alpha ? &*frame.alpha : nullptr));
  return encoder_.Push(std::move(picture));
}

Result<SinkReport> FileSink::Finish(bool trim_end) {
  OCTO_RETURN_IF_ERROR(encoder_.Finish());
  SinkReport report;
  OCTO_ASSIGN_OR_RETURN(report.writer, writer_->Finish(trim_end));
  report.warnings = writer_->warnings();
  return report;
}

}  // namespace octoscale
