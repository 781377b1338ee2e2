// Ownership and errors of FFmpeg's objects. Included only by the .cc files of this folder.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <libavutil/dict.h>
#include <libavutil/frame.h>
#include <libavutil/pixdesc.h>
}

#include <memory>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/status.h"
#include "video/media_info.h"

namespace octoscale {

template <typename T, void (*kFree)(T**)>
struct AvDelete {
  void operator()(T* p) const { kFree(&p); }
};
using AvFramePtr = std::unique_ptr<AVFrame, AvDelete<AVFrame, av_frame_free>>;
using AvPacketPtr = std::unique_ptr<AVPacket, AvDelete<AVPacket, av_packet_free>>;
using AvCodecPtr = std::unique_ptr<AVCodecContext, AvDelete<AVCodecContext, avcodec_free_context>>;

// Both throw std::bad_alloc when memory is short.
AvFramePtr NewAvFrame();
AvPacketPtr NewAvPacket();

// An AVDictionary that frees itself.
class AvDict {
 public:
  AvDict() = default;
  AvDict(const AvDict&) = delete;
  AvDict& operator=(const AvDict&) = delete;
  ~AvDict() { av_dict_free(&dict_); }
  void Set(const std::string& key, const std::string& value) {
    av_dict_set(&dict_, key.c_str(), value.c_str(), 0);
  }
  AVDictionary** get() { return &dict_; }

 private:
  AVDictionary* dict_ = nullptr;
};

// The Status for an FFmpeg error code: "what: text of the code (what FFmpeg logged last)".
Status AvStatus(int error, std::string_view what);

// Routes FFmpeg's log away from stderr; the last error lines of each thread are kept for messages.
// Idempotent and thread-safe.
void CaptureAvLog();
// What FFmpeg complained about on this thread since the previous call; empty when nothing.
std::string TakeAvLogLine();

// An FFmpeg interrupt callback on a CancelToken that outlives it.
AVIOInterruptCB InterruptOn(const CancelToken* cancel);

inline AVRational ToAv(Rational r) { return {r.num, r.den}; }
inline Rational FromAv(AVRational r) { return {r.num, r.den == 0 ? 1 : r.den}; }

// "a, b, c".
template <typename Strings>
std::string JoinNames(const Strings& names) {
  std::string joined;
  for (const auto& name : names) {
    if (!joined.empty()) joined += ", ";
    joined += name;
  }
  return joined;
}

}  // namespace octoscale
