#include "worker/infer_header.h"

#include <nlohmann/json.hpp>

#include "base/json_depth.h"

namespace octoscale::worker {
namespace {

using http::Problem;
using Json = nlohmann::json;

Problem Bad(std::string detail, std::string part) {
  return Problem::Make(400, std::move(detail), std::move(part));
}

// The extension's size parameter; also accepts its absence when the rest of the body is the tensor.
std::optional<Problem> CheckBinary(const Json& input, uint64_t expected) {
  if (input.contains("data")) {
    return Bad("send the tensor as binary data after the JSON, not inside it", "inputs[0].data");
  }
  const Json parameters = input.value("parameters", Json::object());
  if (!parameters.is_object() || !parameters.contains("binary_data_size")) {
    return Bad("expected the size of the binary tensor", "inputs[0].parameters.binary_data_size");
  }
  const Json& size = parameters["binary_data_size"];
  if (!size.is_number_unsigned() || size.get<uint64_t>() != expected) {
    return Bad("expected " + std::to_string(expected) + ", the product of the shape",
               "inputs[0].parameters.binary_data_size");
  }
  return std::nullopt;
}

std::optional<Problem> ReadInput(const Json& root, InferRequest* request) {
  const auto inputs = root.find("inputs");
  if (inputs == root.end() || !inputs->is_array() || inputs->size() != 1 ||
      !(*inputs)[0].is_object()) {
    return Bad("expected one input", "inputs");
  }
  const Json& input = (*inputs)[0];
  const auto name = input.find("name");
  if (name == input.end() || *name != "frames") {
    return Bad("expected \"frames\"", "inputs[0].name");
  }
  const auto type = input.find("datatype");
  if (type == input.end() || (*type != "UINT8" && *type != "UINT16")) {
    return Problem::Make(422, "expected \"UINT8\" or \"UINT16\"", "inputs[0].datatype");
  }
  request->type = *type == "UINT8" ? SampleType::kU8 : SampleType::kU16;
  const auto shape = input.find("shape");
  const auto bad_shape = Problem::Make(
      422,
      "expected [frames, height, width, 3] with sides of 1 to " + std::to_string(kFrameSideMax),
      "inputs[0].shape");
  if (shape == input.end() || !shape->is_array() || shape->size() != 4) return bad_shape;
  for (const Json& side : *shape) {
    if (!side.is_number_unsigned() || side.get<uint64_t>() < 1 ||
        side.get<uint64_t>() > static_cast<uint64_t>(kFrameSideMax)) {
      return bad_shape;
    }
  }
  if ((*shape)[3] != 3) return bad_shape;
  request->frames = (*shape)[0].get<int>();
  request->size = {(*shape)[2].get<int>(), (*shape)[1].get<int>()};
  return CheckBinary(input, static_cast<uint64_t>(request->frames) * request->frame_bytes());
}

std::optional<Problem> ReadOutputs(const Json& root) {
  const auto outputs = root.find("outputs");
  if (outputs == root.end()) return std::nullopt;
  if (!outputs->is_array() || outputs->size() > 1) return Bad("expected at most one", "outputs");
  for (const Json& output : *outputs) {
    if (!output.is_object() || output.value("name", Json()) != "frames") {
      return Problem::Make(422, "there is one output, \"frames\"", "outputs[0].name");
    }
    const Json parameters = output.value("parameters", Json::object());
    if (parameters.is_object() && parameters.value("binary_data", Json(true)) == false) {
      return Problem::Make(422, "the output is always binary", "outputs[0].parameters.binary_data");
    }
  }
  return std::nullopt;
}

std::optional<Problem> ReadParameters(const Json& root, RequestOptions* options) {
  const auto parameters = root.find("parameters");
  if (parameters == root.end()) return std::nullopt;
  if (!parameters->is_object()) return Bad("expected an object", "parameters");
  for (const auto& [name, value] : parameters->items()) {
    if (name == "binary_data_output") continue;  // always
    if (name != "scale" && name != "patch_size") {
      return Problem::Make(422, "there are scale and patch_size", "parameters." + name);
    }
    std::optional<Problem> problem;
    if (value.is_string()) {
      problem = options->Set(name, value.get<std::string>());
    } else if (value.is_number_integer()) {
      problem = options->Set(name, value.dump());
    } else {
      problem = Problem::Make(422, "expected a whole number");
    }
    if (problem) {
      problem->part = "parameters." + name;
      return problem;
    }
  }
  return std::nullopt;
}

std::optional<Problem> Read(const Json& root, InferRequest* request) {
  if (!root.is_object()) return Bad("the request's JSON is not an object", "");
  const auto id = root.find("id");
  if (id != root.end()) {
    if (!id->is_string() || id->get_ref<const std::string&>().size() > 200) {
      return Bad("expected a string of at most 200 bytes", "id");
    }
    request->id = id->get<std::string>();
  }
  if (auto problem = ReadInput(root, request)) return problem;
  if (auto problem = ReadOutputs(root)) return problem;
  return ReadParameters(root, &request->options);
}

}  // namespace

InferHeader ParseInferHeader(std::string_view json) {
  InferHeader header;
  if (json.size() > kInferHeaderBytesMax || NestsTooDeep(json)) {
    header.problem = Bad("the request's JSON is too large or nests too deep", "");
    return header;
  }
  try {
    const Json root = Json::parse(json, nullptr, /*allow_exceptions=*/false);
    if (root.is_discarded()) {
      header.problem = Bad("the request's head is not JSON", "Inference-Header-Content-Length");
    } else {
      header.problem = Read(root, &header.request);
    }
  } catch (const Json::exception& error) {
    header.problem = Bad(std::string("the request's JSON: ") + error.what(), "");
  }
  return header;
}

std::string MakeInferAnswer(const InferRequest& request, const UpscalerKey& key, FrameSize size,
                            std::string_view fingerprint) {
  const uint64_t bytes =
      uint64_t{3} * static_cast<uint64_t>(size.width) * static_cast<uint64_t>(size.height) *
      static_cast<uint64_t>(request.frames) * static_cast<uint64_t>(SampleBytes(request.type));
  nlohmann::ordered_json answer = {{"model_name", key.model}, {"model_version", "1"}};
  if (!request.id.empty()) answer["id"] = request.id;
  answer["parameters"] = {{"scale", key.scale}, {"fingerprint", fingerprint}};
  answer["outputs"] = nlohmann::ordered_json::array(
      {{{"name", "frames"},
        {"datatype", request.type == SampleType::kU8 ? "UINT8" : "UINT16"},
        {"shape", {request.frames, size.height, size.width, 3}},
        {"parameters", {{"binary_data_size", bytes}}}}});
  return answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace octoscale::worker
