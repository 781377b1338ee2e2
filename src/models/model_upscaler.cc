#include "models/model_upscaler.h"

#include <utility>

#include "models/manifest.h"
#include "models/ncnn_loader.h"

namespace octoscale {
namespace {

// The scale of the weights to load: the asked one, or the largest there is when a resize follows.
Result<int> GraphScale(const ModelEntry& entry, int scale, bool resample) {
  if (GraphOfScale(entry, scale).ok()) return scale;
  const int largest = entry.graphs.back().scale;
  if (resample) return largest;
  return InvalidArgument("model " + entry.name + " has no scale " + std::to_string(scale) +
                         ", only " + ScaleList(entry) + "; use -s " + std::to_string(largest) +
                         ", or add --resample to run it at that scale and resize to " +
                         std::to_string(scale));
}

}  // namespace

Result<std::unique_ptr<EngineUpscaler>> CreateModelUpscaler(const ModelRequest& request) {
  OCTO_ASSIGN_OR_RETURN(const ModelEntry* entry, FindManifestEntry(request.model));
  OCTO_ASSIGN_OR_RETURN(const int graph_scale,
                        GraphScale(*entry, request.engine.scale, request.resample));
  OCTO_ASSIGN_OR_RETURN(const LoadedModel model,
                        LoadModel(entry->name, graph_scale, request.models_dir));
  OCTO_ASSIGN_OR_RETURN(std::unique_ptr<Engine> engine,
                        Engine::Create(model.weights, request.engine));
  return std::make_unique<EngineUpscaler>(std::move(engine), entry->name);
}

}  // namespace octoscale
