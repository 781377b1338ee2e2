// The options of an upscale request, from its query or its form fields.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "http/problem.h"
#include "worker/options.h"
#include "worker/upscaler_provider.h"

namespace octoscale::worker {

struct RequestOptions {
  std::optional<std::string> model;
  std::optional<int> scale;
  std::optional<int> patch_size;  // 0: automatic
  bool skip_bad_files = false;

  // Sets one option. Errors are problems with the option as their part: 422 for an unknown name or
  // a value that cannot be (scale=two); the same option twice with other values is 422 too.
  std::optional<http::Problem> Set(std::string_view name, std::string_view value);
};

// Fills in the worker's defaults; a patch size is rounded down to 32, 128 or 512. 422 for a model
// or scale that is not served, with those that are.
struct ResolvedOptions {
  UpscalerKey key;
  std::optional<http::Problem> problem;
};
ResolvedOptions Resolve(const RequestOptions& request, const WorkerOptions& worker,
                        const std::vector<ServedModel>& models);

}  // namespace octoscale::worker
