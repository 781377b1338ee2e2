// Where model files lie on this machine, and whether they are whole.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/status.h"
#include "models/manifest.h"

namespace octoscale {

// Directories searched, first to last: `models_dir` (--models-dir; empty: none),
// $OCTOSCALE_MODELS, ${XDG_DATA_HOME:-~/.local/share}/octoscale/models,
// /usr/share/octoscale/models. Reads the environment; unset and empty variables are left out.
std::vector<std::filesystem::path> ModelSearchPath(const std::filesystem::path& models_dir = {});

// Where `models install` writes: the first directory of the search path that belongs to the user
// (never /usr/share). InvalidArgument when neither $OCTOSCALE_MODELS nor a home is known.
Result<std::filesystem::path> ModelInstallDirectory(const std::filesystem::path& models_dir = {});

struct ModelPaths {
  std::filesystem::path param;
  std::filesystem::path bin;
};

// The files of one scale in the first directory that has one of them; contents unchecked.
// NotFound when no directory has any (lists them) or when one of the two is missing.
Result<ModelPaths> FindModel(const ModelEntry& entry, int scale,
                             const std::vector<std::filesystem::path>& search_path);

enum class FileState { kValid, kMissing, kCorrupt };

struct FileCheck {
  std::string model;
  int scale = 0;
  std::string file;            // name in the models directory
  std::filesystem::path path;  // where it was found; empty when missing
  FileState state = FileState::kMissing;
  std::string message;  // when not valid: what was expected and found, and the remedy
};

// Size and SHA-256 of every file of a model.
std::vector<FileCheck> VerifyModel(const ModelEntry& entry,
                                   const std::vector<std::filesystem::path>& search_path);

struct ModelListing {
  const ModelEntry* entry = nullptr;
  std::vector<int> scales_installed;  // both files there, contents unchecked
  std::filesystem::path directory;    // of the first scale found; empty: none
};

// Every model of the manifest, in its order.
std::vector<ModelListing> ListModels(const std::vector<std::filesystem::path>& search_path);

// The content of a model file whose size and SHA-256 must be the manifest's; CorruptInput says how
// to repair it. Nothing is read when the size is wrong.
Result<std::string> ReadVerified(const std::filesystem::path& path, const ModelFile& file);

}  // namespace octoscale
