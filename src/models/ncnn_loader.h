// Loads the networks of the manifest from ncnn .param and .bin files.
//
// .bin layout, per layer of the graph in order: a Convolution has a 4-byte tag (little-endian,
// 0x01306B47 for fp16 weights padded to 4 bytes, 0 for fp32), its weights [out][in][3][3] and its
// fp32 bias [out]; a PReLU has its fp32 slopes. Nothing else has weights.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/network.h"
#include "models/manifest.h"

namespace octoscale {

struct LoadedModel {
  NetworkWeights weights;  // weights.model is the .param file's stem, or the canonical name
  int graph_scale = 4;     // 2 and 3: the x4 network and then a bicubic resize by 0.5 or 0.75
};

// Both files' content. The names stand in front of messages.
struct NcnnModelText {
  std::string_view param;
  std::string_view bin;
  std::string_view param_name;
  std::string_view bin_name;
};

// Errors: CorruptInput (a broken file; names file, layer, expected and found), Unsupported (a
// graph that is neither SRVGGNetCompact nor RRDBNet; names the first layer that differs). Memory
// is allocated only for weights that the bytes given really hold.
Result<LoadedModel> LoadNcnnModelFromMemory(const NcnnModelText& model);

// As above from files; also NotFound, IoError. The .bin file is read only if the graph is one of
// the two networks and the file's size is possible for it.
Result<LoadedModel> LoadNcnnModel(const std::filesystem::path& param_path,
                                  const std::filesystem::path& bin_path);

// A model of the manifest by name or alias, from the first directory of ModelSearchPath(models_dir)
// that has it. Both files must have the manifest's size and SHA-256 (CorruptInput otherwise,
// NotFound when no directory has them; both say which command installs them).
// InvalidArgument: unknown name, or a scale that the model lacks.
Result<LoadedModel> LoadModel(std::string_view name, int scale,
                              const std::filesystem::path& models_dir = {});
// The same for one entry of a manifest.
Result<LoadedModel> LoadManifestModel(const ModelEntry& entry, int scale,
                                      const std::vector<std::filesystem::path>& search_path);

}  // namespace octoscale
