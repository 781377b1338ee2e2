#include "models/graph_walker.h"

#include <sstream>

namespace octoscale {

GraphWalker::GraphWalker(const NcnnGraph& graph, std::string_view file_name)
    : graph_(graph),
      file_name_(file_name),
      source_(graph.blob_names.size()),
      producer_(graph.blob_names.size(), nullptr) {}

Result<const NcnnLayer*> GraphWalker::Peek() {
  for (; next_ < graph_.layers.size(); ++next_) {
    const NcnnLayer& layer = graph_.layers[next_];
    if (layer.type != "Split") return &layer;
    if (layer.inputs.size() != 1 || layer.outputs.empty() || !layer.params.empty()) {
      return Differs(layer, "a Split of one input", "another form of it");
    }
    const size_t input = static_cast<size_t>(layer.inputs[0]);
    for (const Blob output : layer.outputs) {
      source_[static_cast<size_t>(output)] = source_[input];
      producer_[static_cast<size_t>(output)] = producer_[input];
    }
  }
  return nullptr;
}

Result<GraphWalker::Blob> GraphWalker::Take(const LayerRule& rule,
                                            const std::vector<Blob>& inputs) {
  const std::string expected = rule.type + " (" + rule.role + ")";
  OCTO_ASSIGN_OR_RETURN(const NcnnLayer* layer, Peek());
  if (layer == nullptr) {
    return Unsupported(file_name_ + ": the graph ends early for " + network_ + ": expected " +
                       expected + " after layer " + QuoteToken(graph_.layers.back().name));
  }
  if (layer->type != rule.type) return Differs(*layer, expected, QuoteToken(layer->type));
  OCTO_RETURN_IF_ERROR(CheckWiring(*layer, inputs, expected));
  OCTO_RETURN_IF_ERROR(CheckParams(*layer, rule, expected));
  OCTO_RETURN_IF_ERROR(CheckArrays(*layer, rule, expected));
  OCTO_RETURN_IF_ERROR(CheckNoOthers(*layer, rule, expected));
  ++next_;
  const Blob output = layer->outputs[0];
  source_[static_cast<size_t>(output)] = output;
  producer_[static_cast<size_t>(output)] = layer;
  return output;
}

Status GraphWalker::Finish() {
  OCTO_ASSIGN_OR_RETURN(const NcnnLayer* layer, Peek());
  if (layer != nullptr) return Differs(*layer, "the end of the graph", QuoteToken(layer->type));
  if (graph_.layers.back().type == "Split") {
    return Differs(graph_.layers.back(), "the end of the graph", "\"Split\"");
  }
  return OkStatus();
}

std::string GraphWalker::Where(const NcnnLayer& layer) const {
  return file_name_ + ": line " + std::to_string(layer.line) + ": layer " + QuoteToken(layer.name) +
         " (" + QuoteToken(layer.type) + ")";
}

Status GraphWalker::Differs(const NcnnLayer& layer, const std::string& expected,
                            const std::string& found) const {
  return Unsupported(Where(layer) + " differs from " + network_ + ": expected " + expected +
                     ", found " + found);
}

std::string GraphWalker::ProducerName(Blob blob) const {
  const NcnnLayer* producer = producer_[static_cast<size_t>(blob)];
  return producer == nullptr ? "nothing" : QuoteToken(producer->name);
}

Status GraphWalker::CheckWiring(const NcnnLayer& layer, const std::vector<Blob>& inputs,
                                const std::string& expected) const {
  if (layer.inputs.size() != inputs.size() || layer.outputs.size() != 1) {
    return Differs(layer,
                   expected + " with " + std::to_string(inputs.size()) + " inputs and 1 output",
                   std::to_string(layer.inputs.size()) + " inputs and " +
                       std::to_string(layer.outputs.size()) + " outputs");
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Blob source = source_[static_cast<size_t>(layer.inputs[i])];
    if (source != inputs[i]) {
      return Differs(layer,
                     expected + " whose input " + std::to_string(i) + " is the output of " +
                         ProducerName(inputs[i]),
                     "that of " + ProducerName(source));
    }
  }
  return OkStatus();
}

Status GraphWalker::CheckParams(const NcnnLayer& layer, const LayerRule& rule,
                                const std::string& expected) const {
  for (const ParamRule& param : rule.params) {
    const auto entry = layer.params.find(param.key);
    const bool is_array = entry != layer.params.end() && entry->second.is_array;
    const double found =
        entry == layer.params.end() || is_array ? param.fallback : entry->second.values[0];
    if (is_array || found != param.expected) {
      return Differs(layer,
                     expected + " with " + param.meaning + " " + NumberText(param.expected) +
                         " (key " + std::to_string(param.key) + ")",
                     is_array ? "an array" : NumberText(found));
    }
  }
  return OkStatus();
}

Status GraphWalker::CheckArrays(const NcnnLayer& layer, const LayerRule& rule,
                                const std::string& expected) const {
  for (const ArrayRule& array : rule.arrays) {
    const auto entry = layer.params.find(array.key);
    const bool absent = entry == layer.params.end();
    if (absent && array.expected.empty()) continue;
    if (!absent && entry->second.is_array && entry->second.values == array.expected) continue;
    std::string values;
    for (const double value : array.expected) values += " " + NumberText(value);
    return Differs(layer,
                   expected + (values.empty() ? " without " : " with ") + array.meaning + values +
                       " (key " + std::to_string(array.key) + ")",
                   absent ? "none" : "another value");
  }
  return OkStatus();
}

Status GraphWalker::CheckNoOthers(const NcnnLayer& layer, const LayerRule& rule,
                                  const std::string& expected) const {
  for (const auto& [key, value] : layer.params) {
    bool known = false;
    for (const ParamRule& param : rule.params) known = known || param.key == key;
    for (const ArrayRule& array : rule.arrays) known = known || array.key == key;
    if (!known) return Differs(layer, expected, "an unknown parameter, key " + std::to_string(key));
  }
  return OkStatus();
}

std::string NumberText(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

}  // namespace octoscale
