// FileSink: frames to a finished video file. Colours are converted on the caller's thread, encoding
// and writing run on its own.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/cancel.h"
#include "pipeline/bounded_queue.h"
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
  // Stops the encoder; an unfinished file is removed.
  ~FileSink() override;

  const PictureFormat& format() const { return writer_->format(); }

  Status Write(int64_t index, Frame frame, FrameTime time) override;
  Result<SinkReport> Finish(bool trim_end) override;

 private:
  FileSink(std::unique_ptr<VideoWriter> writer, int queue_frames_max, size_t queue_bytes_max);
  void EncodeAll();
  Status EncodeError();

  std::unique_ptr<VideoWriter> writer_;
  ColourFromRgb colour_;
  BoundedQueue<Picture> queue_;
  std::mutex mutex_;
  Status error_;  // of the encoding thread, guarded by mutex_
  std::thread encoder_;
};

}  // namespace octoscale
