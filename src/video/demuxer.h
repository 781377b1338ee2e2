// Demuxer: one open input file. Included only by the .cc files of this folder.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "video/clock_joiner.h"
#include "video/libav.h"
#include "video/video_reader.h"
#include "video/webp_animation.h"

namespace octoscale {

// Not thread-safe. Owns the file and its format context.
class Demuxer {
 public:
  // Opens a local file (or an image sequence such as frame_%06d.png, whose pictures follow each
  // other at `sequence_rate`) and reads its headers. Errors: as VideoReader::Open.
  static Result<std::unique_ptr<Demuxer>> Open(const std::string& path, const CancelToken& cancel,
                                               Rational sequence_rate = kDefaultSequenceRate);
  ~Demuxer();
  Demuxer(const Demuxer&) = delete;
  Demuxer& operator=(const Demuxer&) = delete;

  AVFormatContext* context() { return context_; }
  const AVFormatContext* context() const { return context_; }
  const std::string& path() const { return path_; }
  // Whether streams may appear behind the headers.
  bool may_find_streams() const;
  bool is_sequence() const { return sequence_pictures_ > 0; }

  // Whether Read() gives a stream's packets; at first it gives all. Streams that appear later are
  // kept.
  void Keep(int stream, bool kept);
  // The next packet of the streams that are kept. False at the end of the file; an end that comes
  // before the file's own index says is CorruptInput.
  Result<bool> Read(AVPacket* packet);
  // To the keyframe at or before `ticks` of the stream's time base (stream -1: microseconds). False
  // when the container can't; the position is then undefined but valid.
  bool Seek(int stream, int64_t ticks);
  // Let a cut-off file end like a whole one.
  void set_allow_truncated(bool allow) { allow_truncated_ = allow; }
  // Why the file ended early; empty when it did not.
  const std::string& truncation() const { return truncation_; }

  // The video stream to upscale: not an attached picture; the one marked default, else the
  // largest. -1 when there is none.
  int DefaultVideoStream() const;
  // How often the clock started anew and was joined (ClockJoiner).
  int64_t joins() const { return clock_ ? clock_->joins() : 0; }

 private:
  Demuxer(std::string path, const CancelToken& cancel);
  Status OpenContext(Rational sequence_rate);
  Status OpenFile(const AVInputFormat** format, AvDict* options, Rational sequence_rate);
  std::string FindTruncation() const;
  bool IsKept(int stream) const;
  bool TakeJoined(AVPacket* packet);
  Result<bool> CheckEnd(int error);
  void SetDuration(AVPacket* packet) const;

  std::string path_;
  CancelToken cancel_;
  AVFormatContext* context_ = nullptr;
  AVIOContext* file_ = nullptr;
  std::string other_file_;                    // that the file's demuxer wanted to open
  std::unique_ptr<WebpAnimation> animation_;  // the file, when it is one
  int64_t sequence_pictures_ = 0;             // of an image sequence; else 0
  bool allow_truncated_ = false;
  std::vector<bool> kept_;              // by stream
  std::unique_ptr<ClockJoiner> clock_;  // of formats whose clock may start anew
  std::string truncation_;
};

}  // namespace octoscale
