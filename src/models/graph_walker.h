// Compares the layers of an ncnn graph, one after the other, with what a network expects.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "models/ncnn_param.h"

namespace octoscale {

// What one parameter of a layer must be.
struct ParamRule {
  int key;
  double fallback;  // ncnn's default, when the file leaves it out
  double expected;
  const char* meaning;
};

struct ArrayRule {
  int key;
  std::vector<double> expected;  // empty: the file must leave it out
  const char* meaning;
};

// Everything that a layer of a network may say.
struct LayerRule {
  std::string type;  // ncnn's, e.g. "Convolution"
  std::string role;  // in the network, for messages
  std::vector<ParamRule> params;
  std::vector<ArrayRule> arrays;
};

// Walks a graph in file order. A blob is named by its index; a Split's outputs count as the blob
// that it duplicates. Keeps a reference to the graph.
class GraphWalker {
 public:
  using Blob = int;

  GraphWalker(const NcnnGraph& graph, std::string_view file_name);

  // The network compared with, for messages.
  void set_network(std::string name) { network_ = std::move(name); }

  // The next layer that is not a Split; null at the end of the graph.
  Result<const NcnnLayer*> Peek();

  // Takes the next layer, which must follow the rule, read exactly these blobs and write one,
  // which is returned. Unsupported when it does not; parameters without a rule are refused.
  Result<Blob> Take(const LayerRule& rule, const std::vector<Blob>& inputs);

  // Unsupported unless every layer was taken.
  Status Finish();

  // "file: line 7: layer "x" ("Type")".
  std::string Where(const NcnnLayer& layer) const;
  // Unsupported: the layer differs from the network.
  Status Differs(const NcnnLayer& layer, const std::string& expected,
                 const std::string& found) const;

 private:
  std::string ProducerName(Blob blob) const;
  Status CheckWiring(const NcnnLayer& layer, const std::vector<Blob>& inputs,
                     const std::string& expected) const;
  Status CheckParams(const NcnnLayer& layer, const LayerRule& rule,
                     const std::string& expected) const;
  Status CheckArrays(const NcnnLayer& layer, const LayerRule& rule,
                     const std::string& expected) const;
  Status CheckNoOthers(const NcnnLayer& layer, const LayerRule& rule,
                       const std::string& expected) const;

  const NcnnGraph& graph_;
  std::string file_name_;
  std::string network_ = "SRVGGNetCompact and RRDBNet";
  size_t next_ = 0;
  std::vector<Blob> source_;                // the blob that a Split's output stands for
  std::vector<const NcnnLayer*> producer_;  // of each blob seen so far
};

// The shortest decimal text of a number, e.g. "0.5".
std::string NumberText(double value);

}  // namespace octoscale
