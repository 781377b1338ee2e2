// FileSink: frames to a finished video file. Colours are converted on the caller's thread, encoding
// and writing run on its own.
#pragma once

#include <memory>
#include <string>

#include "base/cancel.h"
#include "pipeline/encoder_thread.h"
#include "pipeline/frame_sink.h"
#include "video/colour.h"
#include "video/video_writer.h"

namespace octoscale {

class FileSink : public FrameSink {
 public:
  // queue_*: bounds of the pictures that wait for the encoder.
  // Errors: those of VideoWriter::Open.
  static Result<std::unique_ptr<FileSink>> Open(const std::string& output,
                                                const VideoReader& source, FrameSize output_size,
                                                const WriterOptions& options, int queue_frames_max,
                                                size_t queue_bytes_max, const CancelToken& cancel);

  const PictureFormat& format() const override { return writer_->format(); }
  std::vector<std::string> warnings() const override { return writer_->warnings(); }
  Status Write(int64_t index, SinkFrame frame) override;
  Result<SinkReport> Finish(bool trim_end) override;

 private:
  FileSink(std::unique_ptr<VideoWriter> writer, int queue_frames_max, size_t queue_bytes_max);

  std::unique_ptr<VideoWriter> writer_;
  ColourFromRgb colour_;
  EncoderThread encoder_;  // the last one: it uses the others until it ends
};

}  // namespace octoscale
