// EngineUpscaler: the local engine as a FrameUpscaler.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "frame/frame_upscaler.h"

namespace octoscale {

// Owns an engine. Thread-safe; concurrent batches run one after the other, and two in flight keep
// the engine busy while the first one's frames are taken away.
class EngineUpscaler : public FrameUpscaler {
 public:
  // `model`: canonical name, for info().
  EngineUpscaler(std::unique_ptr<Engine> engine, std::string model);

  const UpscalerInfo& info() const override { return info_; }
  Result<std::vector<Frame>> Upscale(std::vector<Frame> batch, const CancelToken& cancel) override;

  Engine& engine() { return *engine_; }

 private:
  std::unique_ptr<Engine> engine_;
  UpscalerInfo info_;
};

}  // namespace octoscale
