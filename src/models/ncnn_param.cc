#include "models/ncnn_param.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <unordered_map>

namespace octoscale {
namespace {

constexpr int kMagic = 7767517;
constexpr int kArrayKeyBase = -23300;
constexpr int kParamKeysMax = 32;
constexpr int kParamArrayMax = 64;
// "A b 0 0": no layer is shorter.
constexpr size_t kLayerLineBytesMin = 7;

// Splits off the text up to the next line end.
std::string_view TakeLine(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// Splits off the next word; empty at the end of the line.
std::string_view TakeWord(std::string_view& line) {
  constexpr std::string_view kSpace = " \t\r\v\f";
  const size_t begin = line.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) {
    line = {};
    return {};
  }
  size_t end = line.find_first_of(kSpace, begin);
  if (end == std::string_view::npos) end = line.size();
  const std::string_view word = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return word;
}

bool ParseInt(std::string_view word, int& value) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  return error == std::errc() && end == word.data() + word.size();
}

bool ParseNumber(std::string_view word, double& value) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  return error == std::errc() && end == word.data() + word.size() && std::isfinite(value);
}

class Parser {
 public:
  Parser(std::string_view text, std::string_view file_name) : text_(text), file_name_(file_name) {}

  Result<NcnnGraph> Parse() {
    OCTO_RETURN_IF_ERROR(ParseHeader());
    graph_.layers.reserve(static_cast<size_t>(layer_count_));
    graph_.blob_names.reserve(static_cast<size_t>(blob_count_));
    for (int i = 0; i < layer_count_; ++i) {
      if (text_.empty()) {
        return Corrupt("expected " + std::to_string(layer_count_) +
                       " layers as the header says, the file ends after " + std::to_string(i));
      }
      OCTO_RETURN_IF_ERROR(ParseLayer(NextLine()));
    }
    while (!text_.empty()) {
      std::string_view line = NextLine();
      if (const std::string_view word = TakeWord(line); !word.empty()) {
        return Corrupt("line " + std::to_string(line_) + ": expected the end after " +
                       std::to_string(layer_count_) + " layers, found " + QuoteToken(word));
      }
    }
    if (graph_.blob_names.size() != static_cast<size_t>(blob_count_)) {
      return Corrupt("expected " + std::to_string(blob_count_) +
                     " blobs as the header says, found " +
                     std::to_string(graph_.blob_names.size()));
    }
    return std::move(graph_);
  }

 private:
  Status Corrupt(const std::string& message) const {
    return CorruptInput(file_name_ + ": " + message);
  }
  Status CorruptLayer(const NcnnLayer& layer, const std::string& message) const {
    return Corrupt("line " + std::to_string(layer.line) + ": layer " + QuoteToken(layer.name) +
                   " (" + QuoteToken(layer.type) + "): " + message);
  }
  std::string_view NextLine() {
    ++line_;
    return TakeLine(text_);
  }

  Status ParseHeader() {
    if (text_.size() > kNcnnParamBytesMax) {
      return Corrupt("expected at most " + std::to_string(kNcnnParamBytesMax) +
                     " bytes of ncnn text, found " + std::to_string(text_.size()));
    }
    std::string_view line = NextLine();
    const std::string_view magic_word = TakeWord(line);
    int magic = 0;
    if (!ParseInt(magic_word, magic) || magic != kMagic || !TakeWord(line).empty()) {
      return Corrupt("expected ncnn's text magic 7767517 in line 1, found " +
                     QuoteToken(magic_word) + "; a binary .param.bin is not supported");
    }
    line = NextLine();
    const std::string_view layers = TakeWord(line);
    const std::string_view blobs = TakeWord(line);
    if (!ParseInt(layers, layer_count_) || layer_count_ < 1 || layer_count_ > kNcnnLayersMax) {
      return Corrupt("expected 1 to " + std::to_string(kNcnnLayersMax) +
                     " layers in line 2, found " + QuoteToken(layers));
    }
    if (!ParseInt(blobs, blob_count_) || blob_count_ < 1 || blob_count_ > kNcnnBlobsMax) {
      return Corrupt("expected 1 to " + std::to_string(kNcnnBlobsMax) + " blobs in line 2, found " +
                     QuoteToken(blobs));
    }
    if (!TakeWord(line).empty()) return Corrupt("expected two counts in line 2, found more");
    // Every layer and every blob name takes text, so a short file cannot claim a large graph.
    const size_t bytes_min = std::max(static_cast<size_t>(layer_count_) * kLayerLineBytesMin,
                                      static_cast<size_t>(blob_count_) * 2);
    if (text_.size() < bytes_min) {
      return Corrupt("expected at least " + std::to_string(bytes_min) + " bytes of text for " +
                     std::to_string(layer_count_) + " layers and " + std::to_string(blob_count_) +
                     " blobs, found " + std::to_string(text_.size()));
    }
    return OkStatus();
  }

  Status ParseLayer(std::string_view line) {
    NcnnLayer layer;
    layer.line = line_;
    layer.type = TakeWord(line);
    layer.name = TakeWord(line);
    if (layer.type.empty() || layer.name.empty()) {
      return Corrupt("line " + std::to_string(line_) + ": expected a layer, found " +
                     (layer.type.empty() ? "an empty line" : QuoteToken(layer.type)));
    }
    int counts[2] = {};  // inputs, outputs
    for (int& count : counts) {
      const std::string_view word = TakeWord(line);
      if (!ParseInt(word, count) || count < 0 || count > kNcnnLayerBlobsMax) {
        return CorruptLayer(layer, "expected a count of inputs and one of outputs, 0 to " +
                                       std::to_string(kNcnnLayerBlobsMax) + ", found " +
                                       QuoteToken(word));
      }
    }
    for (int i = 0; i < counts[0]; ++i) OCTO_RETURN_IF_ERROR(ParseInput(TakeWord(line), layer));
    for (int i = 0; i < counts[1]; ++i) OCTO_RETURN_IF_ERROR(ParseOutput(TakeWord(line), layer));
    for (std::string_view word = TakeWord(line); !word.empty(); word = TakeWord(line)) {
      OCTO_RETURN_IF_ERROR(ParseParam(word, layer));
    }
    graph_.layers.push_back(std::move(layer));
    return OkStatus();
  }

  Status ParseInput(std::string_view word, NcnnLayer& layer) {
    const auto found = blob_index_.find(std::string(word));
    if (word.empty() || found == blob_index_.end()) {
      return CorruptLayer(
          layer, "expected as input the output of an earlier layer, found " + QuoteToken(word));
    }
    layer.inputs.push_back(found->second);
    return OkStatus();
  }

  Status ParseOutput(std::string_view word, NcnnLayer& layer) {
    const int index = static_cast<int>(graph_.blob_names.size());
    if (word.empty() || word.find('=') != std::string_view::npos) {
      return CorruptLayer(layer, "expected the name of an output, found " + QuoteToken(word));
    }
    if (index >= blob_count_) {
      return CorruptLayer(layer, "expected " + std::to_string(blob_count_) +
                                     " blobs as the header says, found more");
    }
    if (!blob_index_.emplace(word, index).second) {
      return CorruptLayer(layer,
                          "output " + QuoteToken(word) + " is already that of another layer");
    }
    graph_.blob_names.emplace_back(word);
    layer.outputs.push_back(index);
    return OkStatus();
  }

  Status ParseParam(std::string_view word, NcnnLayer& layer) {
    const size_t equals = word.find('=');
    int key = 0;
    if (equals == std::string_view::npos || !ParseInt(word.substr(0, equals), key)) {
      return CorruptLayer(layer, "expected key=value, found " + QuoteToken(word));
    }
    NcnnParam param;
    param.is_array = key <= kArrayKeyBase;
    if (param.is_array) key = kArrayKeyBase - key;
    if (key < 0 || key >= kParamKeysMax) {
      return CorruptLayer(layer, "expected a key from 0 to " + std::to_string(kParamKeysMax - 1) +
                                     ", found " + QuoteToken(word));
    }
    if (!ParseValues(word.substr(equals + 1), param)) {
      return CorruptLayer(
          layer, "expected a number, or a count and that many numbers, found " + QuoteToken(word));
    }
    if (!layer.params.emplace(key, std::move(param)).second) {
      return CorruptLayer(layer, "key " + std::to_string(key) + " is given twice");
    }
    return OkStatus();
  }

  static bool ParseValues(std::string_view word, NcnnParam& param) {
    int count = 1;
    if (param.is_array) {
      const size_t comma = word.find(',');
      if (!ParseInt(word.substr(0, comma), count) || count < 0 || count > kParamArrayMax) {
        return false;
      }
      if (comma == std::string_view::npos) return count == 0;
      word.remove_prefix(comma + 1);
    }
    for (int i = 0; i < count; ++i) {
      const size_t comma = word.find(',');
      double value = 0;
      if (!ParseNumber(word.substr(0, comma), value)) return false;
      param.values.push_back(value);
      const bool last = comma == std::string_view::npos;
      if (last != (i == count - 1)) return false;
      if (!last) word.remove_prefix(comma + 1);
    }
    return count > 0 || word.empty();
  }

  std::string_view text_;  // what is left
  std::string file_name_;
  int line_ = 0;
  int layer_count_ = 0;
  int blob_count_ = 0;
  NcnnGraph graph_;
  std::unordered_map<std::string, int> blob_index_;
};

}  // namespace

Result<NcnnGraph> ParseNcnnParam(std::string_view text, std::string_view file_name) {
  return Parser(text, file_name).Parse();
}

std::string QuoteToken(std::string_view token) {
  constexpr size_t kShownMax = 40;
  std::string quoted = "\"";
  for (const char c : token.substr(0, kShownMax)) quoted += c >= ' ' && c <= '~' ? c : '?';
  return quoted + (token.size() > kShownMax ? "...\"" : "\"");
}

}  // namespace octoscale
