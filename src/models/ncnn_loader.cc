#include "models/ncnn_loader.h"

#include "models/file_io.h"
#include "models/model_store.h"
#include "models/ncnn_param.h"
#include "models/ncnn_weights.h"
#include "models/network_matcher.h"

namespace octoscale {
namespace {

Result<MatchedNetwork> MatchParam(std::string_view text, std::string_view file_name) {
  OCTO_ASSIGN_OR_RETURN(const NcnnGraph graph, ParseNcnnParam(text, file_name));
  return MatchNetwork(graph, file_name);
}

Status CheckWeightFileSize(const MatchedNetwork& network, uint64_t bytes, std::string_view bin_name,
                           std::string_view param_name) {
  const WeightFileSize size = PossibleWeightFileSize(network.convs);
  if (bytes >= size.bytes_min && bytes <= size.bytes_max) return OkStatus();
  return CorruptInput(std::string(bin_name) + ": expected " + std::to_string(size.bytes_min) +
                      " bytes (fp16) to " + std::to_string(size.bytes_max) +
                      " (fp32) for the layers of " + std::string(param_name) + ", found " +
                      std::to_string(bytes) + "; truncated, or of another model?");
}

Result<LoadedModel> ReadModel(MatchedNetwork network, const NcnnModelText& model) {
  OCTO_RETURN_IF_ERROR(
      CheckWeightFileSize(network, model.bin.size(), model.bin_name, model.param_name));
  LoadedModel loaded;
  loaded.weights.model = std::filesystem::path(model.param_name).stem().string();
  loaded.weights.kind = network.kind;
  loaded.weights.blocks = network.blocks;
  OCTO_ASSIGN_OR_RETURN(loaded.weights.convs,
                        ReadNcnnWeights(network.convs, model.bin, model.bin_name));
  loaded.graph_scale = network.graph_scale;
  return loaded;
}

}  // namespace

Result<LoadedModel> LoadNcnnModelFromMemory(const NcnnModelText& model) {
  OCTO_ASSIGN_OR_RETURN(MatchedNetwork network, MatchParam(model.param, model.param_name));
  return ReadModel(std::move(network), model);
}

Result<LoadedModel> LoadNcnnModel(const std::filesystem::path& param_path,
                                  const std::filesystem::path& bin_path) {
  const std::string param_name = param_path.string();
  const std::string bin_name = bin_path.string();
  OCTO_ASSIGN_OR_RETURN(const std::string param, ReadWholeFile(param_path, kNcnnParamBytesMax));
  OCTO_ASSIGN_OR_RETURN(MatchedNetwork network, MatchParam(param, param_name));
  OCTO_ASSIGN_OR_RETURN(const uint64_t bin_bytes, RegularFileSize(bin_path));
  OCTO_RETURN_IF_ERROR(CheckWeightFileSize(network, bin_bytes, bin_name, param_name));
  OCTO_ASSIGN_OR_RETURN(const std::string bin, ReadWholeFile(bin_path, bin_bytes));
  return ReadModel(std::move(network), {param, bin, param_name, bin_name});
}

Result<LoadedModel> LoadManifestModel(const ModelEntry& entry, int scale,
                                      const std::vector<std::filesystem::path>& search_path) {
  OCTO_ASSIGN_OR_RETURN(const ModelPaths paths, FindModel(entry, scale, search_path));
  OCTO_ASSIGN_OR_RETURN(const ModelGraph* graph, GraphOfScale(entry, scale));
  OCTO_ASSIGN_OR_RETURN(const std::string param, ReadVerified(paths.param, graph->param));
  OCTO_ASSIGN_OR_RETURN(const std::string bin, ReadVerified(paths.bin, graph->bin));
  OCTO_ASSIGN_OR_RETURN(
      LoadedModel loaded,
      LoadNcnnModelFromMemory({param, bin, paths.param.native(), paths.bin.native()}));
  if (loaded.weights.kind != entry.kind || loaded.weights.blocks != entry.blocks ||
      loaded.graph_scale != scale) {
    return Internal(paths.param.string() + ": has the manifest's hash, but the graph is not the " +
                    "network, block count and scale that the manifest names");
  }
  loaded.weights.model = entry.name;
  return loaded;
}

Result<LoadedModel> LoadModel(std::string_view name, int scale,
                              const std::filesystem::path& models_dir) {
  OCTO_ASSIGN_OR_RETURN(const ModelEntry* entry, FindManifestEntry(name));
  return LoadManifestModel(*entry, scale, ModelSearchPath(models_dir));
}

}  // namespace octoscale
