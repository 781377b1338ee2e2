// Upscalers from the local engine and the models installed on this machine.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "engine/engine.h"
#include "worker/upscaler_provider.h"

namespace octoscale::worker {

struct EngineProviderOptions {
  std::string models_dir;  // searched first; empty: none
  Precision precision = Precision::kAuto;
  int batch_frames = 8;
  int threads = 0;  // 0: one per core
};

// Serves every model of the manifest that is installed, at every scale that is.
// NotFound when none is, with the command that installs them.
Result<std::shared_ptr<UpscalerProvider>> MakeEngineProvider(const EngineProviderOptions& options);

}  // namespace octoscale::worker
