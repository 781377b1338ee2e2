// The local engine on some of a clip's frames, and what its speed says about the moment.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "frame/frame.h"
#include "models/model_upscaler.h"
#include "planner/calibration.h"
#include "planner/stopwatch.h"

namespace octoscale {

class EngineProbe {
 public:
  // `calibration` must have the model and outlive the probe. Errors: those of
  // CreateModelUpscaler().
  static Result<EngineProbe> Create(const ModelRequest& model, const Calibration& calibration);

  // The first of the pieces, upscaled; as many as a second is enough for, at least two.
  Result<std::vector<Frame>> Upscale(std::span<const Frame> pieces, const CancelToken& cancel);

  // Upscales whole frames of a clip for half a second; all calls together take three. A batch has a
  // frame for each thread where possible, as the clip's batches have: threads that share a frame
  // wait for each other.
  Status Sample(std::span<const Frame> wholes, const CancelToken& cancel);

  // Sets cpu_cost and core_share, from all samples; where there was no time for one, from the
  // pieces.
  void Finish(ClipProbe* probe) const;

 private:
  struct Samples {
    Times took;
    Times calibrated;  // what the same frames take by the calibration
  };

  Result<EngineRow> RowOf(const Frame& frame) const;
  Result<std::vector<Frame>> Time(std::span<const Frame> frames, const PixelSpeed& calibrated,
                                  Samples* samples, const CancelToken& cancel);

  const Calibration* calibration_ = nullptr;
  EngineKey key_;
  std::unique_ptr<EngineUpscaler> upscaler_;
  Samples pieces_, wholes_;
};

}  // namespace octoscale
