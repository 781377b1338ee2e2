// WebpAnimation: an animated WebP as a stream that FFmpeg demuxes; FFmpeg 5.1 reads WebP stills
// only. Included only by the .cc files of this folder.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "frame/frame.h"
#include "video/libav.h"

struct WebPAnimDecoder;

namespace octoscale {

// Whether the file begins as an animated WebP does. False for files that can't be read.
bool IsWebpAnimation(const std::string& path);

// Frames are decoded as they are asked for. Not thread-safe.
class WebpAnimation {
 public:
  // Errors: IoError, CorruptInput (not whole), Unsupported (too large), ResourceExhausted.
  static Result<std::unique_ptr<WebpAnimation>> Open(const std::string& path);
  ~WebpAnimation();
  WebpAnimation(const WebpAnimation&) = delete;
  WebpAnimation& operator=(const WebpAnimation&) = delete;

  // A NUT stream of raw RGBA pictures in milliseconds. Not seekable; owned by this object.
  AVIOContext* io() { return io_; }
  int64_t frames() const { return frames_; }
  // Of the picture at this time, in milliseconds, which NUT does not store; 0 when unknown.
  int64_t DurationAt(int64_t pts) const;

 private:
  WebpAnimation() = default;
  Status Load(const std::string& path);
  Status StartStream(const std::string& path);
  // Appends the next picture, or the end, to pending_. Negative: an FFmpeg error code.
  int MakeMore();
  static int Read(void* self, uint8_t* buffer, int size);
  static int Write(void* self, uint8_t* buffer, int size);

  std::vector<uint8_t> file_;
  WebPAnimDecoder* decoder_ = nullptr;
  int64_t frames_ = 0;
  FrameSize size_;
  int64_t now_ms_ = 0;       // when the next picture is shown
  int64_t last_end_ms_ = 0;  // as the file says
  std::map<int64_t, int64_t> durations_;
  AVFormatContext* muxer_ = nullptr;
  AVIOContext* sink_ = nullptr;  // of the muxer
  AVIOContext* io_ = nullptr;    // for the reader
  std::string pending_;          // written, not yet read
  size_t read_ = 0;              // of pending_
  bool ended_ = false;
};

}  // namespace octoscale
