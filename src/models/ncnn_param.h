// Parser of ncnn's text graph format (.param, magic 7767517): one line a layer,
// `Type name input_count output_count inputs... outputs... key=value...`.
// Format: https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace octoscale {

inline constexpr int kNcnnLayersMax = 4096;
inline constexpr int kNcnnBlobsMax = 16384;
inline constexpr int kNcnnLayerBlobsMax = 64;  // inputs, and outputs, of one layer
inline constexpr size_t kNcnnParamBytesMax = 1 << 20;

// The value of one `key=value`; an array key (-23300 - key) has several, a scalar one has one.
struct NcnnParam {
  bool is_array = false;
  std::vector<double> values;
};

struct NcnnLayer {
  std::string type;
  std::string name;
  int line = 0;              // 1-based, in the file
  std::vector<int> inputs;   // indexes into NcnnGraph::blob_names
  std::vector<int> outputs;  // likewise; each blob is the output of exactly one layer
  std::map<int, NcnnParam> params;
};

// Layers in file order, which is a topological order: a layer reads only outputs of layers before.
struct NcnnGraph {
  std::vector<NcnnLayer> layers;
  std::vector<std::string> blob_names;
};

// `file_name` stands in front of every message. Errors: CorruptInput, naming the line and layer.
// Nothing is allocated by a count in the text before the text is long enough to hold that many.
Result<NcnnGraph> ParseNcnnParam(std::string_view text, std::string_view file_name);

// A token of an untrusted file, made printable, cut to 40 characters, in quotes.
std::string QuoteToken(std::string_view token);

}  // namespace octoscale
