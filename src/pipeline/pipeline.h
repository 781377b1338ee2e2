// The way of a frame: decode -> colour to RGB -> batcher -> upscaler slots -> reorder -> colour
// back -> encode -> mux. Each stage has its own thread; every queue is bounded in frames and bytes.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "frame/frame_upscaler.h"
#include "image/image.h"
#include "pipeline/frame_sink.h"
#include "video/media_info.h"
#include "video/video_reader.h"
#include "video/video_writer.h"

namespace octoscale {

enum class JournalMode {
  kNone,    // frames go straight into the output; an interruption loses them
  kStart,   // closed segments and a journal are kept beside the output while it is made
  kResume,  // goes on with an earlier run's journal; starts one when there is none
};

struct JournalOptions {
  JournalMode mode = JournalMode::kNone;
  std::string program;         // name and version: another one does not go on with a journal
  int64_t segment_frames = 0;  // 0: SegmentFrames() of the input's size
};

struct PipelineOptions {
  ReaderOptions reader;
  WriterOptions writer;
  // Jobs that can't be made in segments (CheckResumable) are done without a journal by kStart and
  // are an error for kResume.
  JournalOptions journal;
  EncodeOptions image;        // of pictures, where the output is a sequence such as f_%06d.png
  int batch_frames = 0;       // 0: what the upscaler asks for
  int batches_in_flight = 0;  // 0: what the upscaler asks for
  // Bound of each queue between two stages: whichever comes first. One frame always fits.
  int queue_frames_max = 16;
  size_t queue_bytes_max = size_t{96} << 20;
  // Batches shrink so that their upscaled frames stay below this: 8K frames go one or two at a
  // time.
  size_t batch_bytes_max = size_t{512} << 20;
  // Each warning when it is known, from any thread but one at a time; the report has all of them.
  // Counts, of damaged packets say, come with the first and again with the last.
  std::function<void(const std::string&)> on_warning;
  // While it holds true no further batch is handed to the upscaler. Null: never paused.
  const std::atomic<bool>* paused = nullptr;
};

struct PipelineProgress {
  int64_t frames_done = 0;   // written to the encoder, an earlier run's among them
  int64_t frames_total = 0;  // 0 when nobody knows
  bool total_exact = false;  // else an estimate
  double seconds = 0;        // since the first batch was handed to the upscaler
  double fps = 0;            // frames of this run / seconds
};

// Called from one thread (the writer's), after every written frame, never at the same time as
// on_warning. Must return fast.
using ProgressCallback = std::function<void(const PipelineProgress&)>;

struct PipelineReport {
  int64_t frames = 0;
  int width = 0;  // of the output, pixels
  int height = 0;
  double seconds = 0;          // wall time, from opening the input to the renamed output
  double fps = 0;              // frames of this run / seconds
  int64_t frames_resumed = 0;  // of `frames`: from an earlier run
  int audio_streams = 0;
  int subtitle_streams = 0;
  int attachments = 0;
  int chapters = 0;
  int64_t output_bytes = 0;
  std::string encoder;
  std::string pixel_format;  // of the encoded pictures
  std::vector<std::string> warnings;
};

// CheckOutput for a job: an output that an earlier run finished is in nobody's way when resuming.
Status CheckPipelineOutput(const std::string& input, const std::string& output,
                           const PipelineOptions& options);

// Upscales the video in `input` into `output`: a file, or numbered pictures (SequenceSink). Blocks
// until done. On any error or cancellation all stages stop, nothing is left under the output's name
// nor beside it (but a journal with closed segments, where options.journal asked for one), and the
// first error comes back with its cause. Errors: those of VideoReader, VideoWriter, SegmentSink,
// SequenceSink and FrameUpscaler.
Result<PipelineReport> RunPipeline(const std::string& input, const std::string& output,
                                   FrameUpscaler& upscaler, const PipelineOptions& options,
                                   const ProgressCallback& progress = {},
                                   const CancelToken& cancel = {});

// The same up to the encoder: upscaled frames go into `sink`, which is finished after the last one.
// `options.writer` is not used. Errors: those of VideoReader, FrameUpscaler and `sink`.
Result<SinkReport> RunPipelineInto(FrameSink& sink, const std::string& input,
                                   FrameUpscaler& upscaler, const PipelineOptions& options,
                                   const ProgressCallback& progress = {},
                                   const CancelToken& cancel = {});

}  // namespace octoscale
