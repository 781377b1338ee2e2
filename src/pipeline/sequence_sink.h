// SequenceSink: upscaled frames as numbered pictures, frame_000001.png and so on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/file_sequence.h"
#include "base/status.h"
#include "image/image.h"
#include "pipeline/frame_sink.h"
#include "video/video_reader.h"

namespace octoscale {

// `path` names a sequence of PNG, JPEG or WebP pictures, so that an output of this name is one.
bool IsPictureSequence(const std::string& path);

// What can be known before anything is written. Errors: InvalidArgument (the input's own pictures),
// AlreadyExists (a picture of the sequence, without `overwrite`), NotFound, IoError (the folder).
Status CheckSequenceOutput(const std::string& input, const std::string& output, bool overwrite);

// The pictures are made in a hidden folder beside the output and get their names in Finish(); the
// destructor removes what did not. They begin with the number that the input's begin with, where
// that is a sequence, else with 1.
class SequenceSink : public FrameSink {
 public:
  // Errors: those of CheckSequenceOutput.
  static Result<std::unique_ptr<SequenceSink>> Open(const std::string& output,
                                                    const VideoReader& source, FrameSize size,
                                                    bool overwrite, const EncodeOptions& options);
  ~SequenceSink() override;

  const PictureFormat& format() const override { return format_; }
  std::vector<std::string> warnings() const override { return warnings_; }
  Status Write(int64_t index, SinkFrame frame) override;
  Result<SinkReport> Finish(bool trim_end) override;

 private:
  SequenceSink(FileSequence sequence, const EncodeOptions& options, bool overwrite);
  Status MakeFolder();
  void WarnOfLosses(const MediaInfo& source);

  FileSequence sequence_;
  EncodeOptions options_;
  bool overwrite_;
  PictureFormat format_;
  int64_t first_number_ = 1;
  int64_t frames_ = 0;
  int64_t bytes_ = 0;
  std::string folder_;  // the hidden one
  std::vector<std::string> warnings_;
};

}  // namespace octoscale
