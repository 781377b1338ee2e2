#include "worker/request_options.h"

#include <algorithm>
#include <charconv>

#include "frame/frame.h"

namespace octoscale::worker {
namespace {

using http::Problem;

std::optional<int> ParseInt(std::string_view text) {
  int value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return value;
}

// Values come from outside: a message repeats only their beginning.
std::string Quote(std::string_view value) {
  return "\"" + std::string(value.substr(0, 40)) + (value.size() > 40 ? "..." : "") + "\"";
}

template <typename T>
std::optional<Problem> SetOnce(std::optional<T>* field, T value, std::string_view name) {
  if (*field && **field != value) {
    return Problem::Make(422, std::string(name) + " is given twice with different values",
                         std::string(name));
  }
  *field = std::move(value);
  return std::nullopt;
}

// An engine of its own for every size would let one caller have engines loaded all the time.
int PatchSizeStep(int patch_size) {
  constexpr int kSteps[] = {32, 128, 512};
  if (patch_size == 0) return 0;
  int step = kSteps[0];
  for (const int larger : kSteps) {
    if (larger <= patch_size) step = larger;
  }
  return step;
}

}  // namespace

std::optional<Problem> RequestOptions::Set(std::string_view name, std::string_view value) {
  const auto bad = [&](const std::string& expected) {
    return Problem::Make(422,
                         std::string(name) + ": expected " + expected + ", found " + Quote(value),
                         std::string(name));
  };
  if (name == "model") {
    if (value.empty() || value.size() > 100) return bad("a model's name");
    return SetOnce(&model, std::string(value), name);
  }
  if (name == "scale") {
    const auto number = ParseInt(value);
    if (!number) return bad("a whole number");
    return SetOnce(&scale, *number, name);
  }
  if (name == "patch_size") {
    const auto number = value == "auto" ? std::optional<int>(0) : ParseInt(value);
    if (!number || *number < 0 || *number > kFrameSideMax || (*number == 0 && value != "auto")) {
      return bad("auto or 1 to " + std::to_string(kFrameSideMax));
    }
    return SetOnce(&patch_size, *number, name);
  }
  if (name == "on_error") {
    if (value != "fail" && value != "skip") return bad("fail or skip");
    skip_bad_files = value == "skip";
    return std::nullopt;
  }
  return Problem::Make(
      422, "unknown option " + Quote(name) + "; there are model, scale, patch_size and on_error",
      std::string(name.substr(0, 100)));
}

ResolvedOptions Resolve(const RequestOptions& request, const WorkerOptions& worker,
                        const std::vector<ServedModel>& models) {
  ResolvedOptions resolved;
  const std::string wanted = request.model.value_or(worker.model);
  const ServedModel* model = FindModel(models, wanted);
  if (model == nullptr) {
    std::string names;
    for (const ServedModel& served : models) names += (names.empty() ? "" : ", ") + served.name;
    resolved.problem = Problem::Make(
        422, "model " + Quote(wanted) + " is not served here; there are " + names, "model");
    return resolved;
  }
  int scale = request.scale.value_or(worker.scale);
  const auto has = [&](int s) {
    return std::find(model->scales.begin(), model->scales.end(), s) != model->scales.end();
  };
  // The worker's default scale belongs to its default model: another model may lack it.
  if (!request.scale && !has(scale)) scale = model->scales.back();
  if (!has(scale)) {
    std::string scales;
    for (const int s : model->scales) scales += (scales.empty() ? "" : ", ") + std::to_string(s);
    resolved.problem = Problem::Make(
        422, "scale " + std::to_string(scale) + ": " + model->name + " has " + scales, "scale");
    return resolved;
  }
  resolved.key = {model->name, scale, PatchSizeStep(request.patch_size.value_or(0))};
  return resolved;
}

}  // namespace octoscale::worker
