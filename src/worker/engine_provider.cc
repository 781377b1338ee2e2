#include "worker/engine_provider.h"

#include <utility>
#include <vector>

#include "base/cpu.h"
#include "engine/engine_upscaler.h"
#include "models/model_store.h"
#include "models/ncnn_loader.h"

namespace octoscale::worker {
namespace {

class EngineProvider : public UpscalerProvider {
 public:
  EngineProvider(const EngineProviderOptions& options, std::vector<ServedModel> models)
      : options_(options), models_(std::move(models)) {}

  const std::vector<ServedModel>& models() const override { return models_; }
  int threads() const override {
    return options_.threads > 0 ? options_.threads : AvailableCores();
  }

  Result<std::shared_ptr<FrameUpscaler>> Make(const UpscalerKey& key) override {
    OCTO_ASSIGN_OR_RETURN(const LoadedModel model,
                          LoadModel(key.model, key.scale, options_.models_dir));
    EngineOptions options;
    options.scale = key.scale;
    options.batch_size = options_.batch_frames;
    options.patch_size = key.patch_size;
    options.precision = options_.precision;
    options.threads = threads();
    OCTO_ASSIGN_OR_RETURN(std::unique_ptr<Engine> engine, Engine::Create(model.weights, options));
    return std::shared_ptr<FrameUpscaler>(
        std::make_shared<EngineUpscaler>(std::move(engine), key.model));
  }

 private:
  const EngineProviderOptions options_;
  const std::vector<ServedModel> models_;
};

}  // namespace

Result<std::shared_ptr<UpscalerProvider>> MakeEngineProvider(const EngineProviderOptions& options) {
  std::vector<ServedModel> models;
  for (const ModelListing& listing : ListModels(ModelSearchPath(options.models_dir))) {
    if (listing.scales_installed.empty()) continue;
    models.push_back({listing.entry->name, listing.entry->aliases, listing.scales_installed});
  }
  if (models.empty()) {
    return NotFound("no model is installed; run `octoscale models install`");
  }
  return std::shared_ptr<UpscalerProvider>(
      std::make_shared<EngineProvider>(options, std::move(models)));
}

}  // namespace octoscale::worker
