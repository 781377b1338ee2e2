#include "models/model_store.h"

#include <cstdlib>
#include <system_error>

#include "base/user_folders.h"
#include "models/file_io.h"

namespace octoscale {
namespace {

namespace fs = std::filesystem;

constexpr char kSystemDirectory[] = "/usr/share/octoscale/models";
constexpr char kRepair[] = "; run `octoscale models install` to fetch it again";

// Directories of the user, without the system's.
std::vector<fs::path> UserDirectories(const fs::path& models_dir) {
  std::vector<fs::path> directories;
  if (!models_dir.empty()) directories.push_back(models_dir);
  if (const char* path = std::getenv("OCTOSCALE_MODELS"); path != nullptr && *path != '\0') {
    directories.emplace_back(path);
  }
  if (const fs::path data = UserDataFolder(); !data.empty()) {
    directories.push_back(data / "octoscale/models");
  }
  return directories;
}

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// The first directory that has either file of the graph; empty: none.
fs::path FindDirectory(const ModelGraph& graph, const std::vector<fs::path>& search_path) {
  for (const fs::path& directory : search_path) {
    if (Exists(directory / graph.param.name) || Exists(directory / graph.bin.name)) {
      return directory;
    }
  }
  return {};
}

FileCheck CheckFile(const ModelEntry& entry, int scale, const ModelFile& file,
                    const fs::path& directory) {
  FileCheck check{entry.name, scale, file.name, {}, FileState::kMissing, ""};
  if (directory.empty() || !Exists(directory / file.name)) {
    check.message = (directory / file.name).string() + ": missing; run `octoscale models install " +
                    entry.name + "`";
    return check;
  }
  check.path = directory / file.name;
  const Status status = ReadVerified(check.path, file).status();
  check.state = status.ok() ? FileState::kValid : FileState::kCorrupt;
  check.message = status.message();
  return check;
}

}  // namespace

std::vector<fs::path> ModelSearchPath(const fs::path& models_dir) {
  std::vector<fs::path> directories = UserDirectories(models_dir);
  directories.emplace_back(kSystemDirectory);
  return directories;
}

Result<fs::path> ModelInstallDirectory(const fs::path& models_dir) {
  const std::vector<fs::path> directories = UserDirectories(models_dir);
  if (!directories.empty()) return directories.front();
  return InvalidArgument(
      "models directory: expected --models-dir, $OCTOSCALE_MODELS, $XDG_DATA_HOME or $HOME, found "
      "none; name a directory with --models-dir");
}

Result<ModelPaths> FindModel(const ModelEntry& entry, int scale,
                             const std::vector<fs::path>& search_path) {
  OCTO_ASSIGN_OR_RETURN(const ModelGraph* graph, GraphOfScale(entry, scale));
  std::string searched;
  for (const fs::path& directory : search_path) {
    const ModelPaths paths = {directory / graph->param.name, directory / graph->bin.name};
    const bool has_param = Exists(paths.param);
    const bool has_bin = Exists(paths.bin);
    if (has_param && has_bin) return paths;
    if (has_param || has_bin) {
      return NotFound((has_param ? paths.bin : paths.param).string() + ": missing beside " +
                      (has_param ? graph->param.name : graph->bin.name) +
                      "; run `octoscale models install " + entry.name + "`");
    }
    searched += (searched.empty() ? "" : ", ") + directory.string();
  }
  return NotFound("model " + entry.name + " at scale " + std::to_string(scale) + ": no " +
                  graph->param.name + " in " + searched + "; run `octoscale models install " +
                  entry.name + "`");
}

std::vector<FileCheck> VerifyModel(const ModelEntry& entry,
                                   const std::vector<fs::path>& search_path) {
  std::vector<FileCheck> checks;
  for (const ModelGraph& graph : entry.graphs) {
    const fs::path directory = FindDirectory(graph, search_path);
    checks.push_back(CheckFile(entry, graph.scale, graph.param, directory));
    checks.push_back(CheckFile(entry, graph.scale, graph.bin, directory));
  }
  return checks;
}

std::vector<ModelListing> ListModels(const std::vector<fs::path>& search_path) {
  std::vector<ModelListing> listings;
  for (const ModelEntry& entry : Manifest()) {
    ModelListing listing{&entry, {}, {}};
    for (const ModelGraph& graph : entry.graphs) {
      const Result<ModelPaths> paths = FindModel(entry, graph.scale, search_path);
      if (!paths.ok()) continue;
      listing.scales_installed.push_back(graph.scale);
      if (listing.directory.empty()) listing.directory = paths->param.parent_path();
    }
    listings.push_back(std::move(listing));
  }
  return listings;
}

Result<std::string> ReadVerified(const fs::path& path, const ModelFile& file) {
  OCTO_ASSIGN_OR_RETURN(const uint64_t size, RegularFileSize(path));
  if (size != file.size_bytes) {
    return CorruptInput(path.string() + ": expected " + std::to_string(file.size_bytes) +
                        " bytes, found " + std::to_string(size) + kRepair);
  }
  OCTO_ASSIGN_OR_RETURN(std::string bytes, ReadWholeFile(path, size));
  const std::string sha256 = Sha256Hex(bytes);
  if (sha256 != file.sha256) {
    return CorruptInput(path.string() + ": expected SHA-256 " + file.sha256 + ", found " + sha256 +
                        kRepair);
  }
  return bytes;
}

}  // namespace octoscale
