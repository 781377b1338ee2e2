// The one interface between a pipeline and whatever upscales: the local engine, remote workers, a
// test double. The pipeline never knows which it has.
#pragma once

#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "frame/frame.h"

namespace octoscale {

struct UpscalerInfo {
  std::string model;          // canonical model name
  int scale = 0;              // output size = input size x scale, exactly
  int batch_frames = 8;       // frames that a batch should hold
  int batches_in_flight = 1;  // concurrent Upscale() calls that keep it busy
  // Names everything that decides output pixels (model, weights, scale, precision); two upscalers
  // with equal fingerprints give bit-identical frames.
  std::string fingerprint;
};

class FrameUpscaler {
 public:
  virtual ~FrameUpscaler() = default;

  virtual const UpscalerInfo& info() const = 0;

  // Upscales a batch of 1..N frames (sizes may differ); output i belongs to input i and has its
  // sample type. Blocks until done; thread-safe. On error no frame of the batch is returned.
  // Errors: Cancelled, DeadlineExceeded, ResourceExhausted, Unavailable, Internal.
  virtual Result<std::vector<Frame>> Upscale(std::vector<Frame> batch,
                                             const CancelToken& cancel) = 0;
};

}  // namespace octoscale
