#include "vidaio/answer_size.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/file_bytes.h"
#include "pipeline/pipeline.h"
#include "video/crf.h"

namespace octoscale {
namespace {

namespace fs = std::filesystem;

constexpr int kAttemptsMax = 3;
// Each attempt aims lower than the one before.
constexpr double kAim = 0.8;
constexpr double kCrfStep = 6;
constexpr int64_t kBoxHeaderBytes = 8;

// Hands frames through: the pipeline then only encodes again.
class SameFrames : public FrameUpscaler {
 public:
  SameFrames() {
    info_.model = "none";
    info_.scale = 1;
    info_.fingerprint = "none";
  }
  const UpscalerInfo& info() const override { return info_; }
  Result<std::vector<Frame>> Upscale(std::vector<Frame> batch,
                                     const CancelToken& /*cancel*/) override {
    return batch;
  }

 private:
  UpscalerInfo info_;
};

// Fewer bits than those that came out as `bytes`.
EncoderOptions Smaller(const EncoderOptions& encoder, double bytes, double bytes_max, int attempt) {
  EncoderOptions smaller = encoder;
  const double crf_max = CrfMax(encoder.codec);
  const double crf = encoder.crf.value_or(DefaultCrf(encoder.codec).value_or(crf_max));
  // Six steps of CRF halve the bits, roughly.
  const double steps = kCrfStep * (std::log2(std::max(1.0, bytes / bytes_max)) + attempt);
  smaller.crf = attempt == kAttemptsMax ? crf_max : std::min(crf_max, crf + steps);
  if (encoder.rate_cap > 0) {
    const double share = std::min(1.0, bytes_max / bytes) * std::pow(kAim, attempt);
    smaller.rate_cap = std::max<int64_t>(
        1000, static_cast<int64_t>(static_cast<double>(encoder.rate_cap) * share));
  }
  if (encoder.codec == "libx265") {
    for (auto& [key, value] : smaller.extra) {
      if (key == "x265-params") value += ":keyint=-1:scenecut=0";
    }
  }
  return smaller;
}

Status EncodeAgain(const std::string& path, const EncoderOptions& encoder,
                   const CancelToken& cancel) {
  const std::string other = path + ".smaller.mp4";
  PipelineOptions options;
  options.writer.encoder = encoder;
  options.writer.overwrite = true;
  SameFrames upscaler;
  OCTO_RETURN_IF_ERROR(RunPipeline(path, other, upscaler, options, {}, cancel).status());
  // Copied, not renamed: whoever knows the file by its inode finds the new content.
  std::error_code error;
  fs::copy_file(other, path, fs::copy_options::overwrite_existing, error);
  unlink(other.c_str());
  return error ? ErrnoStatus(error.value(), path) : OkStatus();
}

// An empty "free" box at the end of the file: players skip it.
Status AppendFreeBox(const std::string& path, int64_t bytes) {
  std::string box(static_cast<size_t>(bytes), '\0');
  for (int i = 0; i < 4; ++i) {
    box[static_cast<size_t>(i)] = static_cast<char>(bytes >> (24 - 8 * i) & 0xff);
  }
  box.replace(4, 4, "free");
  const int fd = open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, path);
  const ssize_t written = write(fd, box.data(), box.size());
  const int error = errno;
  close(fd);
  if (written == static_cast<ssize_t>(box.size())) return OkStatus();
  return ErrnoStatus(written < 0 ? error : ENOSPC, path);
}

Status MakeDistinct(const std::string& path, const AnswerSizeRules& rules, int64_t bytes) {
  const auto taken = [&](int64_t size) { return std::ranges::count(rules.taken, size) > 0; };
  if (!taken(bytes)) return OkStatus();
  int64_t box = kBoxHeaderBytes;
  while (taken(bytes + box)) ++box;
  if (bytes + box > rules.bytes_max) {
    return ResourceExhausted(
        "the answer has as many bytes as another of its bundle, and no room "
        "is left for more");
  }
  return AppendFreeBox(path, box);
}

}  // namespace

Status FitAnswer(const std::string& path, const AnswerSizeRules& rules, const CancelToken& cancel,
                 bool* encoded_again) {
  OCTO_ASSIGN_OR_RETURN(int64_t bytes, FileBytes(path));
  EncoderOptions encoder = rules.encoder;
  for (int attempt = 1; bytes > rules.bytes_max && attempt <= kAttemptsMax; ++attempt) {
    if (encoded_again != nullptr) *encoded_again = true;
    encoder =
        Smaller(encoder, static_cast<double>(bytes), static_cast<double>(rules.bytes_max), attempt);
    OCTO_RETURN_IF_ERROR(EncodeAgain(path, encoder, cancel).WithContext("encoding again"));
    OCTO_ASSIGN_OR_RETURN(bytes, FileBytes(path));
  }
  if (bytes > rules.bytes_max) {
    return ResourceExhausted("the answer has " + std::to_string(bytes) + " bytes at the lowest " +
                             "quality, but the task allows " + std::to_string(rules.bytes_max) +
                             "; the input is too small a file to be answered");
  }
  return MakeDistinct(path, rules, bytes);
}

}  // namespace octoscale
