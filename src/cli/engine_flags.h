// The options that choose and tune the local engine, shared by several commands.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "models/model_upscaler.h"

namespace CLI {
class App;
}

namespace octoscale {

struct EngineFlags {
  std::string model = "realesr-animevideov3";
  int scale = 2;
  std::string precision = "auto";
  int batch_size = 8;
  std::string patch_size = "auto";
  int threads = 0;  // 0: all cores
  bool resample = false;
  std::string models_dir;
};

// Adds -m, -s, --precision, -b, --patch-size, --threads, --resample and --models-dir.
void AddEngineFlags(CLI::App& command, EngineFlags& flags);

// 0 for "auto". InvalidArgument when it is neither that nor a number of pixels.
Result<int> ParsePatchSize(const std::string& text);

// The flags as a request. Errors: InvalidArgument (patch size, precision).
Result<ModelRequest> ResolveEngineFlags(const EngineFlags& flags);

// Loads the model and packs it. Errors: those of ResolveEngineFlags and CreateModelUpscaler.
Result<std::unique_ptr<EngineUpscaler>> CreateEngineUpscaler(const EngineFlags& flags);

}  // namespace octoscale
