#include "video/crf.h"

namespace octoscale {

// Near-transparent for upscaled material, whose fine detail is synthetic and cheap to keep.
std::optional<double> DefaultCrf(const std::string& codec) {
  if (codec == "libx264" || codec == "libx264rgb" || codec == "libx265") return 18;
  if (codec == "libsvtav1" || codec == "libaom-av1") return 24;
  if (codec == "libvpx-vp9") return 24;
  if (codec == "libvpx") return 10;
  if (codec.ends_with("_nvenc") || codec.ends_with("_qsv")) return 20;
  if (codec == "h264_vaapi" || codec == "hevc_vaapi") return 20;
  return std::nullopt;
}

double CrfMax(const std::string& codec) {
  return codec == "libx264" || codec == "libx265" ? 51 : 63;
}

}  // namespace octoscale
