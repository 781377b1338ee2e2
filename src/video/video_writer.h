// VideoWriter: encodes pictures and writes them, with everything else that the source holds, to a
// file that appears under its name only when it is complete.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "video/media_info.h"
#include "video/picture.h"
#include "video/video_reader.h"

namespace octoscale {

// Negative numbers and empty strings mean "the encoder's default".
struct EncoderOptions {
  std::string codec = "libx264";  // FFmpeg encoder name
  // "auto": the encoder's format that is closest to the source in depth and chroma.
  std::string pixel_format = "auto";
  // Constant quality. Unset with no bit rate: 18 for x264 and x265, 24 for SVT-AV1 and VP9 ...
  std::optional<double> crf;
  std::string preset;
  int64_t bit_rate = 0;  // bits per second; 0: constant quality
  int64_t rc_max_rate = 0;
  int64_t rc_min_rate = 0;
  int64_t rc_buffer_size = 0;
  // Most bits per second that constant quality may take, over any `rate_cap_seconds`; 0: no cap.
  // Each segment keeps to it by itself. libx265 and libsvtav1 only.
  int64_t rate_cap = 0;
  double rate_cap_seconds = 1;
  int qmin = -1;
  int qmax = -1;
  int gop_size = -1;  // pictures between keyframes
  int keyint_min = -1;
  int max_b_frames = -1;
  int refs = -1;
  int delay = 0;
  int threads = 0;             // 0: one per core
  bool square_pixels = false;  // sample aspect ratio 1:1, whatever the source's
  bool limited_range = false;  // YUV output in limited range, converted where the source's is full
  // Private options of the codec, and those of libavcodec that every encoder has (b, maxrate, g
  // ...; docs/media.md lists them). An unknown key is a warning, a refused value an error.
  std::vector<std::pair<std::string, std::string>> extra;
};

struct WriterOptions {
  EncoderOptions encoder;
  bool overwrite = false;
  bool copy_audio = true;
  bool copy_subtitles = true;
  bool copy_attachments = true;  // fonts and other files, cover art
  bool copy_chapters = true;
  bool copy_metadata = true;
  // Where the unfinished file lies, on the output's file system; empty: beside the output.
  std::string work_directory;
  // Called with the path of the complete file before it gets its name. May change its content; its
  // error becomes that of Finish().
  std::function<Status(const std::string& path)> before_naming;
};

struct WriterReport {
  int64_t frames = 0;
  int audio_streams = 0;
  int subtitle_streams = 0;
  int attachments = 0;
  int chapters = 0;
  int64_t bytes = 0;  // size of the finished file
};

// What decides an output before anything runs: container by extension, paths, the encoder's name.
// Errors: InvalidArgument (unknown extension or encoder, with the list of possible ones; output is
// the input), AlreadyExists (without `overwrite`), NotFound, IoError (directory not writable).
Status CheckOutput(const std::string& input_path, const std::string& output_path,
                   const WriterOptions& options);

// Names of the video encoders that a container (by file extension, "mp4") can hold.
std::vector<std::string> VideoEncodersFor(const std::string& extension);

// The few of them that somebody who asked for `wanted` should think of, those of its format first:
// libsvtav1 for av1_nvenc.
std::vector<std::string> EncodersInsteadOf(const std::string& wanted, const std::string& extension);

// What has to be done to the source's pictures before they are written to a file of this name,
// because its container can't tell viewers to do it.
Orientation TurnBeforeWriting(const VideoReader& source, const std::string& output_path);

// Not thread-safe: one thread at a time.
class VideoWriter {
 public:
  // `output_size`: of the pictures, turned by TurnBeforeWriting(). The source gives tags, time base
  // and the streams to copy (it is opened a second time by path, so that copying never waits for
  // decoding). Errors: those of CheckOutput; InvalidArgument (an option's value, a pixel format
  // that the encoder lacks, with the ones it has); Unsupported; IoError; ResourceExhausted (disk
  // full).
  static Result<std::unique_ptr<VideoWriter>> Open(const std::string& output_path,
                                                   const VideoReader& source, FrameSize output_size,
                                                   const WriterOptions& options,
                                                   const CancelToken& cancel = {});
  // Removes the partial file when Finish() did not succeed.
  ~VideoWriter();

  // What Write() takes.
  const PictureFormat& format() const;

  // Pictures in presentation order, times strictly increasing, in the source's time base.
  Status Write(Picture picture);

  // Instead of Write(), once: the packets of files that SegmentWriter made with the same source and
  // options, in order. Errors: CorruptInput, Unsupported (made by an encoder with other headers).
  Status AppendSegments(const std::vector<std::string>& paths);

  // The file that Finish() will rename: empty afterwards.
  const std::string& unfinished_path() const;

  // Drains the encoder, copies the rest of the other streams (up to the end of the last picture
  // when `trim_end`), closes the file, syncs it and gives it its name.
  Result<WriterReport> Finish(bool trim_end);

  // Streams dropped or converted, options ignored. Complete after Finish().
  std::vector<std::string> warnings() const;

 private:
  struct Impl;
  explicit VideoWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace octoscale
