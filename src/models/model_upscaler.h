// A model of the manifest, loaded and packed: from its name to something that upscales frames.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/status.h"
#include "engine/engine_upscaler.h"

namespace octoscale {

struct ModelRequest {
  std::string model;  // name or alias
  // When the model lacks engine.scale: run it at its largest scale and resize (bicubic).
  bool resample = false;
  std::filesystem::path models_dir;  // searched first; empty: none
  EngineOptions engine;
};

// Errors: InvalidArgument (unknown model, a scale that it lacks, with the scales that it has;
// options out of range), NotFound (not installed), CorruptInput (damaged weights),
// ResourceExhausted.
Result<std::unique_ptr<EngineUpscaler>> CreateModelUpscaler(const ModelRequest& request);

}  // namespace octoscale
