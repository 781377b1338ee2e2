// SegmentSink: frames into closed segments with a journal, joined into the output at the end.
// docs/resume.md describes the files and what happens after each kind of interruption.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "pipeline/encoder_thread.h"
#include "pipeline/frame_sink.h"
#include "pipeline/job_facts.h"
#include "pipeline/journal_dir.h"
#include "pipeline/pipeline.h"
#include "video/colour.h"
#include "video/segment.h"

namespace octoscale {

// How many frames a segment of pictures of this size (the input's) holds: 59 million pixels of
// input, but 64 to 256 frames, whole batches of eight. Depends on nothing else, so that the same
// video has the same segments however it is upscaled. docs/resume.md gives the reasons.
int64_t SegmentFrames(FrameSize input);

// Hash of a frame's size, sample type and pixels, and of its alpha if it has any.
uint64_t HashFrame(const Frame& frame, const AlphaPlane* alpha = nullptr);

// Ok when a job can be made in segments. Errors: Unsupported, with the reason.
Status CheckResumable(const std::string& input, const EncoderOptions& encoder);

// What an earlier run left for `output` is AlreadyExists, unless `overwrite`: then it is removed.
Status ClearOldJournal(const std::string& output, bool overwrite);

class SegmentSink : public FrameSink {
 public:
  // Starts a journal, or goes on with one when options.journal.mode is kResume and there is one.
  // `source` outlives the sink.
  // Errors: those of VideoWriter::Open and JournalDir::Open; AlreadyExists (an earlier run left
  // work and neither kResume nor options.writer.overwrite is set; or kResume, but the journal
  // belongs to another job: what differs is named); CorruptInput (the journal).
  static Result<std::unique_ptr<SegmentSink>> Open(const std::string& output,
                                                   const VideoReader& source, FrameSize output_size,
                                                   const PipelineOptions& options,
                                                   const UpscalerInfo& upscaler,
                                                   const CancelToken& cancel);
  // Closed segments stay; without any, nothing does.
  ~SegmentSink() override;

  const PictureFormat& format() const override { return format_; }
  std::vector<std::string> warnings() const override { return early_warnings_; }
  int64_t first_frame() const override { return first_frame_; }
  int64_t segment_frames() const override { return segment_frames_; }
  Status Skip(int64_t index, FrameTime time) override;
  Status Write(int64_t index, SinkFrame frame) override;
  Result<SinkReport> Finish(bool trim_end) override;

  // An earlier run had finished the output but for removing the journal; Finish() does the rest.
  bool output_complete() const { return output_complete_; }

 private:
  SegmentSink(std::string output, const VideoReader& source, FrameSize output_size,
              const PipelineOptions& options, const CancelToken& cancel);
  Result<std::optional<Journal>> LoadJournal() const;
  Status Prepare(const UpscalerInfo& upscaler);
  Status StartJournal(JobFacts facts);
  Status ContinueJournal(const Journal& journal);
  Status CheckWriter();
  Status CheckSource() const;
  std::string PartPath() const;
  Status Encode(Picture picture);
  Status CloseSegment();
  Result<SinkReport> Join(bool trim_end);
  Result<SinkReport> ReportComplete();

  std::string output_;
  const VideoReader& source_;
  FrameSize output_size_;
  PipelineOptions options_;  // with the number of encoder threads decided
  CancelToken cancel_;
  std::unique_ptr<JournalDir> dir_;
  PictureFormat format_;
  int64_t segment_frames_ = 0;
  int64_t first_frame_ = 0;
  int64_t skipped_ = 0;  // frames passed to Skip()
  bool output_complete_ = false;
  bool owns_journal_ = false;  // started or continued by us
  std::vector<std::string> warnings_;
  std::vector<std::string> early_warnings_;  // of the writer, which says them again in Join()

  // Of the encoder's thread, and of Finish() after it has ended.
  std::vector<SegmentRecord> segments_;
  std::unique_ptr<SegmentWriter> segment_;

  std::mutex hashes_mutex_;
  std::vector<uint64_t> hashes_;  // of frames on their way to a closed segment
  std::unique_ptr<ColourFromRgb> colour_;
  std::unique_ptr<EncoderThread> encoder_;  // the last one: it uses the others until it ends
};

}  // namespace octoscale
