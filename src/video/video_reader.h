// VideoReader: any file that FFmpeg reads, as a sequence of decoded pictures in presentation order.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "video/media_info.h"
#include "video/picture.h"

namespace octoscale {

enum class Deinterlace {
  kAuto,  // pictures marked interlaced become whole pictures of the same time (bwdif)
  kOn,    // every picture is taken for an interlaced one
  kOff,   // taken as they are; the mark is passed on to the encoder
};

constexpr Rational kDefaultSequenceRate{25, 1};

struct ReaderOptions {
  int threads = 2;  // decoder threads, at least 1
  // The part to read. The first picture is the first one shown at or after start_seconds, counted
  // from the beginning of the file's timeline; picture times are then counted from that picture.
  double start_seconds = 0;
  double duration_seconds = 0;  // 0: to the end
  int64_t frames = 0;           // 0: to the end
  // Take what a cut-off file still holds, with a warning, instead of failing.
  bool allow_truncated = false;
  // false: a picture that isn't opaque is an error, because frames carry no alpha.
  bool drop_alpha = false;
  Deinterlace deinterlace = Deinterlace::kAuto;
  // Pictures per second of an image sequence, whose files say nothing about time; unset: 25. An
  // error for other inputs: their own times count.
  std::optional<Rational> sequence_rate;
};

// Which part of the source's timeline the pictures cover, for trimming the streams that are copied.
struct SourceWindow {
  bool trimmed_start = false;  // what comes earlier is left out
  // The source time that became 0: the first picture's when trimmed; the earliest when the source
  // begins before 0, which not every container can express; else 0.
  double origin_seconds = 0;
};

// Not thread-safe: one thread at a time.
class VideoReader {
 public:
  // Opens the default video stream (attached pictures are not video) and decodes its first picture.
  // `path` is a local file, or an image sequence such as frame_%06d.png (base/file_sequence.h).
  // Errors: NotFound; InvalidArgument (a directory, a start beyond the end, a gap in a sequence);
  // CorruptInput (not a media file, cut off, nothing decodable); Unsupported (a playlist or
  // manifest, no video stream, encrypted, no decoder); Cancelled; IoError.
  static Result<std::unique_ptr<VideoReader>> Open(const std::string& path,
                                                   const ReaderOptions& options,
                                                   const CancelToken& cancel = {});
  ~VideoReader();

  const MediaInfo& info() const;
  const ReaderOptions& options() const;
  const SourceWindow& window() const;

  // The next picture; nullopt once the decoder is drained or the asked part is complete. Picture
  // times strictly increase: a duplicate or earlier PTS is moved up to the next free tick, with a
  // warning. Errors: CorruptInput (size changes, file cut off), IoError, Cancelled.
  Result<std::optional<Picture>> Next();

  // Pictures returned so far.
  int64_t pictures() const;
  // The end came from ReaderOptions (duration or frames), not from the file.
  bool stopped_at_limit() const;
  // What the user should know: several video streams, damaged packets, repaired times. Complete
  // after the last picture.
  std::vector<std::string> warnings() const;
  // What the pictures returned so far carry and no output keeps (HDR10+, Dolby Vision, closed
  // captions), as sentences for warnings; each kind once.
  std::vector<std::string> lost_metadata() const;

  struct Impl;  // defined inside src/video only
  const Impl& impl() const { return *impl_; }

 private:
  explicit VideoReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace octoscale
