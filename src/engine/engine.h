// The inference engine: batches of frames through one network on the CPU.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/cpu.h"
#include "base/status.h"
#include "engine/network.h"
#include "frame/frame.h"

namespace octoscale {

// kAuto: the fastest of the others on this CPU that stays >= 54 dB from kFp32 on every golden crop.
enum class Precision { kAuto, kFp32, kBf16, kInt16 };

std::string_view PrecisionName(Precision precision);
Result<Precision> ParsePrecision(std::string_view name);

struct EngineOptions {
  int scale = 4;       // 2, 3 or 4; 2 and 3 end in the bicubic resize of ncnn's Interp layer
  int batch_size = 8;  // frames scheduled together, 1..1024; changes memory and speed, no pixel
  int patch_size =
      0;  // columns of a work item, 0 = auto, 1..32768; changes memory and speed, no pixel
  Precision precision = Precision::kAuto;
  int threads = 0;  // 0 = AvailableCores(), 1..1024
};

// An engine holds packed weights and worker threads for one network at one scale.
// PredictBatch is thread-safe: concurrent calls run one after the other.
class Engine {
 public:
  // Packs the weights for the active CPU level (see ActiveCpuLevel()).
  // Errors: InvalidArgument (options out of range, weights that are not finite or do not fit the
  // network), ResourceExhausted (memory or threads).
  static Result<std::unique_ptr<Engine>> Create(const NetworkWeights& weights,
                                                const EngineOptions& options);
  virtual ~Engine() = default;

  // Upscales frames of any number and of equal or different sizes, in batches of
  // options.batch_size. Output i is scale times input i, of the same sample type, each value
  // rounded half up and clamped. Bit-identical for every batch size, patch size and thread count.
  // Errors: Cancelled or DeadlineExceeded from `cancel` (checked between work items),
  // ResourceExhausted, Internal (a frame stays not finite, or black though its input is not, even
  // in fp32; names the frame).
  virtual Result<std::vector<Frame>> PredictBatch(std::span<const Frame> frames,
                                                  const CancelToken& cancel = {}) = 0;

  // The network's output before rounding, values in 0..1 (may overshoot), interleaved RGB
  // [scale*height][scale*width][3]. For tests of accuracy.
  virtual Result<std::vector<float>> PredictUnrounded(const Frame& frame) = 0;

  virtual const EngineOptions& options() const = 0;  // with auto values resolved
  virtual CpuLevel cpu_level() const = 0;
  // The convolution kernel that this engine runs, e.g. "conv3x3.winograd_int16.avx512".
  virtual std::string_view conv_kernel() const = 0;
  // Work of one frame of this size, counted as direct convolution, in floating-point operations.
  virtual double FlopsPerFrame(FrameSize size) const = 0;
  // Names all that decides a pixel's value, e.g. "realesr-animevideov3 x2 int16 <weights hash>".
  virtual std::string fingerprint() const = 0;
};

}  // namespace octoscale
