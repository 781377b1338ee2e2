#include "coordinator/infer_message.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/json_depth.h"

namespace octoscale::coordinator {
namespace {

using Json = nlohmann::json;

constexpr size_t kJsonBytesMax = 64 * 1024;
constexpr size_t kDetailBytesMax = 300;
constexpr uint64_t kRequestJsonBytesMax = 1024;

// Nothing when the text is no JSON, or nests deeper than any answer does.
std::optional<Json> ParseJson(std::string_view text) {
  if (NestsTooDeep(text)) return std::nullopt;
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded() || !json.is_object()) return std::nullopt;
  return json;
}

std::string Text(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

InferAnswer Garbage(std::string reason) { return {AnswerFault::kGarbage, std::move(reason), 0}; }

std::string Shape(const Json& shape) {
  return shape.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 100);
}

// The tensor that the JSON describes, against the one that was asked for.
std::optional<InferAnswer> CheckOutput(const Json& root, const Tensor& sent, int scale) {
  const auto outputs = root.find("outputs");
  if (outputs == root.end() || !outputs->is_array() || outputs->size() != 1 ||
      !(*outputs)[0].is_object()) {
    return Garbage("the answer has no single output tensor");
  }
  const Json& output = (*outputs)[0];
  const std::string_view type = TensorTypeName(sent.type);
  if (Text(output, "name") != "frames" || Text(output, "datatype") != type) {
    return Garbage("the output is '" + Text(output, "name") + "' of " + Text(output, "datatype") +
                   ", expected 'frames' of " + std::string(type));
  }
  const Json shape = {sent.frames, sent.size.height * scale, sent.size.width * scale, 3};
  const Json found = output.value("shape", Json());
  if (found != shape) {
    return Garbage("the output's shape is " + Shape(found) + ", expected " + Shape(shape));
  }
  return std::nullopt;
}

std::optional<InferAnswer> CheckIdentity(const Json& root, const Expected& expected) {
  const auto parameters = root.find("parameters");
  if (parameters == root.end() || !parameters->is_object()) {
    return Garbage("the answer doesn't say which weights made it");
  }
  const std::string model = Text(root, "model_name");
  const std::string fingerprint = Text(*parameters, "fingerprint");
  if (model != expected.model) {
    return InferAnswer{AnswerFault::kNotOurs,
                       "it answered with model '" + model + "', not " + expected.model, 0};
  }
  if (fingerprint != expected.fingerprint) {
    return InferAnswer{AnswerFault::kNotOurs,
                       "it computes other pixels than the other workers: '" + fingerprint +
                           "', expected '" + expected.fingerprint + "'",
                       0};
  }
  return std::nullopt;
}

}  // namespace

Tensor Tensor::Single(int index) const {
  Tensor one = *this;
  one.frames = 1;
  one.offset = offset + static_cast<size_t>(index) * frame_bytes();
  return one;
}

Tensor TensorFromFrames(std::span<const Frame> frames) {
  Tensor tensor;
  tensor.frames = static_cast<int>(frames.size());
  tensor.size = frames[0].size();
  tensor.type = frames[0].sample_type();
  auto pixels = std::make_shared<AlignedBuffer<uint8_t>>(tensor.size_bytes());
  const ptrdiff_t stride = ptrdiff_t{3} * tensor.size.width * SampleBytes(tensor.type);
  for (size_t i = 0; i < frames.size(); ++i) {
    FrameToInterleaved(frames[i], pixels->data() + i * tensor.frame_bytes(), stride);
  }
  tensor.pixels = std::move(pixels);
  return tensor;
}

std::string_view TensorTypeName(SampleType type) {
  return type == SampleType::kU8 ? "UINT8" : "UINT16";
}

std::string InferRequestJson(const Tensor& tensor, int scale, int patch_size) {
  const Json input = {{"name", "frames"},
                      {"datatype", TensorTypeName(tensor.type)},
                      {"shape", {tensor.frames, tensor.size.height, tensor.size.width, 3}},
                      {"parameters", {{"binary_data_size", tensor.size_bytes()}}}};
  Json request = {{"inputs", Json::array({input})}, {"parameters", {{"scale", scale}}}};
  if (patch_size > 0) request["parameters"]["patch_size"] = patch_size;
  return request.dump();
}

InferAnswer CheckInferAnswer(const http::ClientAnswer& answer, const Tensor& sent,
                             const Expected& expected) {
  const std::string_view type = answer.Header("Content-Type");
  if (!type.starts_with("application/octet-stream")) {
    return Garbage("the answer's content type is '" + std::string(type.substr(0, 100)) +
                   "', expected application/octet-stream");
  }
  const std::string_view text = answer.Header("Inference-Header-Content-Length");
  size_t json_bytes = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), json_bytes);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() ||
      json_bytes > std::min(kJsonBytesMax, answer.body.size())) {
    return Garbage("the answer's Inference-Header-Content-Length is '" +
                   std::string(text.substr(0, 100)) + "'");
  }
  const auto json = ParseJson({reinterpret_cast<const char*>(answer.body.data()), json_bytes});
  if (!json) return Garbage("the answer's head is no JSON object");
  if (auto fault = CheckIdentity(*json, expected)) return *fault;
  if (auto fault = CheckOutput(*json, sent, expected.scale)) return *fault;
  const size_t scale = static_cast<size_t>(expected.scale);
  const size_t pixels = sent.size_bytes() * scale * scale;
  if (answer.body.size() - json_bytes != pixels) {
    return Garbage("the answer has " + std::to_string(answer.body.size() - json_bytes) +
                   " bytes of pixels, expected " + std::to_string(pixels));
  }
  return {AnswerFault::kNone, {}, json_bytes};
}

std::vector<Frame> FramesFromTensor(std::span<const uint8_t> pixels, const Tensor& sent,
                                    int scale) {
  const FrameSize size{sent.size.width * scale, sent.size.height * scale};
  const size_t bytes = sent.frame_bytes() * static_cast<size_t>(scale) * static_cast<size_t>(scale);
  const ptrdiff_t stride = ptrdiff_t{3} * size.width * SampleBytes(sent.type);
  // 16-bit samples need an even address, which the JSON in front does not promise.
  std::vector<uint16_t> aligned;
  std::vector<Frame> frames;
  for (int i = 0; i < sent.frames; ++i) {
    const uint8_t* from = pixels.data() + static_cast<size_t>(i) * bytes;
    if (sent.type == SampleType::kU16 && reinterpret_cast<uintptr_t>(from) % 2 != 0) {
      aligned.resize(bytes / 2);
      std::memcpy(aligned.data(), from, bytes);
      frames.push_back(FrameFromInterleaved(aligned.data(), stride, size, sent.type));
    } else {
      frames.push_back(FrameFromInterleaved(from, stride, size, sent.type));
    }
  }
  return frames;
}

namespace {

// A limit in `parameters`; without one in it, what `limit` is already.
template <typename T>
void ReadLimit(const Json& parameters, const char* name, T* limit) {
  const auto found = parameters.find(name);
  if (found == parameters.end() || !found->is_number_unsigned()) return;
  const auto value = found->template get<uint64_t>();
  if (value < static_cast<uint64_t>(*limit)) *limit = static_cast<T>(value);
}

// It becomes part of a URL.
bool IsModelName(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !name.empty() && std::all_of(name.begin(), name.end(), plain);
}

}  // namespace

int RequestLimits::FramesThatFit(size_t frame_bytes) const {
  const uint64_t pixels = body_bytes_max - std::min(body_bytes_max, kRequestJsonBytesMax);
  const auto most = static_cast<uint64_t>(std::max(frames_max, 1));
  return static_cast<int>(std::clamp<uint64_t>(pixels / frame_bytes, 1, most));
}

void RequestLimits::Narrow(const RequestLimits& other) {
  frames_max = std::min(frames_max, other.frames_max);
  body_bytes_max = std::min(body_bytes_max, other.body_bytes_max);
}

Result<WorkerIdentity> ParseModelInfo(std::span<const uint8_t> json, int scale) {
  const auto root = ParseJson({reinterpret_cast<const char*>(json.data()), json.size()});
  if (!root) return CorruptInput("it answers, but not as an octoscale worker does");
  if (Text(*root, "platform") != "octoscale") {
    return Unsupported("it is an inference server, but not octoscale: its platform is '" +
                       Text(*root, "platform").substr(0, 100) + "'");
  }
  const auto parameters = root->find("parameters");
  WorkerIdentity identity;
  identity.model = Text(*root, "name");
  if (parameters != root->end() && parameters->is_object()) {
    identity.version = Text(*parameters, "octoscale_version");
    const auto fingerprints = parameters->find("fingerprints");
    if (fingerprints != parameters->end() && fingerprints->is_object()) {
      identity.fingerprint = Text(*fingerprints, std::to_string(scale).c_str());
    }
    ReadLimit(*parameters, "frames_max", &identity.limits.frames_max);
    ReadLimit(*parameters, "body_bytes_max", &identity.limits.body_bytes_max);
  }
  if (!IsModelName(identity.model) || identity.fingerprint.empty()) {
    return CorruptInput("it doesn't say which weights it has for scale " + std::to_string(scale));
  }
  return identity;
}

std::string ProblemDetail(const http::ClientAnswer& answer) {
  std::string text(
      answer.body.begin(),
      answer.body.begin() + static_cast<ptrdiff_t>(std::min(answer.body.size(), kJsonBytesMax)));
  if (answer.Header("Content-Type").starts_with("application/problem+json")) {
    if (const auto json = ParseJson(text)) {
      const std::string part = Text(*json, "part");
      text = (part.empty() ? "" : part + ": ") + Text(*json, "detail");
    }
  }
  text.resize(std::min(text.size(), kDetailBytesMax));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = ' ';
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

std::string StatusText(const http::ClientAnswer& answer) {
  const std::string detail = ProblemDetail(answer);
  return "HTTP " + std::to_string(answer.status) + (detail.empty() ? "" : ": " + detail);
}

}  // namespace octoscale::coordinator
