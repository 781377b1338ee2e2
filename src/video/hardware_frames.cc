#include "video/hardware_frames.h"

#include <new>

extern "C" {
#include <libavutil/hwcontext.h>
}

namespace octoscale {
namespace {

const AVCodecHWConfig* SurfacesOf(const AVCodec& codec) {
  for (int i = 0;; ++i) {
    const AVCodecHWConfig* config = avcodec_get_hw_config(&codec, i);
    if (config == nullptr) return nullptr;
    const bool takes_frames = (config->methods & AV_CODEC_HW_CONFIG_METHOD_HW_FRAMES_CTX) != 0;
    if (takes_frames && config->device_type != AV_HWDEVICE_TYPE_NONE) return config;
  }
}

}  // namespace

bool TakesSurfacesOnly(const AVCodec& codec) {
  if (codec.pix_fmts == nullptr) return false;
  for (const AVPixelFormat* format = codec.pix_fmts; *format != AV_PIX_FMT_NONE; ++format) {
    const AVPixFmtDescriptor* descriptor = av_pix_fmt_desc_get(*format);
    if (descriptor == nullptr || (descriptor->flags & AV_PIX_FMT_FLAG_HWACCEL) == 0) return false;
  }
  return true;
}

std::vector<AVPixelFormat> UploadFormats(const AVCodec& codec) {
  switch (codec.id) {
    // Devices encode them with 8 bits only.
    case AV_CODEC_ID_H264:
    case AV_CODEC_ID_MJPEG:
    case AV_CODEC_ID_MPEG2VIDEO:
    case AV_CODEC_ID_VP8:
      return {AV_PIX_FMT_NV12};
    default:
      return {AV_PIX_FMT_NV12, AV_PIX_FMT_P010LE};
  }
}

HardwareFrames::~HardwareFrames() {
  av_buffer_unref(&frames_);
  av_buffer_unref(&device_);
}

Result<std::unique_ptr<HardwareFrames>> HardwareFrames::Attach(const std::string& device,
                                                               AVPixelFormat format,
                                                               AVCodecContext* codec) {
  const std::string name = std::string("encoder '") + codec->codec->name + "'";
  const AVCodecHWConfig* surfaces = SurfacesOf(*codec->codec);
  if (surfaces == nullptr) {
    return Unsupported(name +
                       " takes pictures in a device's memory, but this FFmpeg tells no way "
                       "to bring them there");
  }
  const std::string type = av_hwdevice_get_type_name(surfaces->device_type);
  std::unique_ptr<HardwareFrames> hardware(new HardwareFrames());
  TakeAvLogLine();
  int error = av_hwdevice_ctx_create(&hardware->device_, surfaces->device_type,
                                     device.empty() ? nullptr : device.c_str(), nullptr, 0);
  if (error < 0) {
    const std::string which = device.empty() ? "no " + type + " device can be opened"
                                             : type + " device " + device + " can't be opened";
    return InvalidArgument(
        AvStatus(error, name + ": " + which).message() +
        "; name one that is here with -e device=PATH (such as /dev/dri/renderD128)");
  }
  hardware->frames_ = av_hwframe_ctx_alloc(hardware->device_);
  if (hardware->frames_ == nullptr) throw std::bad_alloc();
  auto* frames = reinterpret_cast<AVHWFramesContext*>(hardware->frames_->data);
  frames->format = surfaces->pix_fmt;
  frames->sw_format = format;
  frames->width = codec->width;
  frames->height = codec->height;
  error = av_hwframe_ctx_init(hardware->frames_);
  if (error < 0) {
    return InvalidArgument(AvStatus(error, name + ": the " + type + " device can't hold " +
                                               std::to_string(codec->width) + "x" +
                                               std::to_string(codec->height) + " " +
                                               av_get_pix_fmt_name(format) + " pictures")
                               .message());
  }
  codec->pix_fmt = surfaces->pix_fmt;
  codec->hw_frames_ctx = av_buffer_ref(hardware->frames_);
  if (codec->hw_frames_ctx == nullptr) throw std::bad_alloc();
  return hardware;
}

Result<AvFramePtr> HardwareFrames::Upload(const AVFrame& picture) {
  AvFramePtr surface = NewAvFrame();
  int error = av_hwframe_get_buffer(frames_, surface.get(), 0);
  if (error >= 0) error = av_hwframe_transfer_data(surface.get(), &picture, 0);
  if (error >= 0) error = av_frame_copy_props(surface.get(), &picture);
  if (error < 0) return AvStatus(error, "bringing a picture to the encoder's device");
  return surface;
}

}  // namespace octoscale
