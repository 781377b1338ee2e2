#include "engine/engine_upscaler.h"

#include <utility>

namespace octoscale {

EngineUpscaler::EngineUpscaler(std::unique_ptr<Engine> engine, std::string model)
    : engine_(std::move(engine)) {
  constexpr int kBatchesInFlight = 2;
  info_.model = std::move(model);
  info_.scale = engine_->options().scale;
  info_.batch_frames = engine_->options().batch_size;
  info_.batches_in_flight = kBatchesInFlight;
  info_.fingerprint = engine_->fingerprint();
}

Result<std::vector<Frame>> EngineUpscaler::Upscale(std::vector<Frame> batch,
                                                   const CancelToken& cancel) {
  return engine_->PredictBatch(batch, cancel);
}

}  // namespace octoscale
