// Pictures in a graphics card's memory, for encoders that take no others (VAAPI). Included only by
// the .cc files of this folder.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "video/libav.h"

namespace octoscale {

// The key of EncoderOptions::extra that names the device, such as /dev/dri/renderD129.
inline constexpr const char* kDeviceKey = "device";

// The encoder takes surfaces of a device only.
bool TakesSurfacesOnly(const AVCodec& codec);

// The formats in which pictures can be brought to such an encoder's device, nv12 first.
std::vector<AVPixelFormat> UploadFormats(const AVCodec& codec);

// Not thread-safe.
class HardwareFrames {
 public:
  // Opens the device (empty: the system's default) and makes `codec`, which has its size and is not
  // open yet, take surfaces that hold pictures of `format`. Errors: InvalidArgument (no such
  // device, or one that can't hold the pictures), Unsupported (this FFmpeg can't upload for the
  // encoder).
  static Result<std::unique_ptr<HardwareFrames>> Attach(const std::string& device,
                                                        AVPixelFormat format,
                                                        AVCodecContext* codec);
  ~HardwareFrames();
  HardwareFrames(const HardwareFrames&) = delete;
  HardwareFrames& operator=(const HardwareFrames&) = delete;

  // A copy of the picture on the device, with its time and marks. Errors: Internal.
  Result<AvFramePtr> Upload(const AVFrame& picture);

 private:
  HardwareFrames() = default;

  AVBufferRef* device_ = nullptr;
  AVBufferRef* frames_ = nullptr;
};

}  // namespace octoscale
