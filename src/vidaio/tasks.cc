#include "vidaio/tasks.h"

#include <strings.h>

namespace octoscale {
namespace {

// Halfway, in pixels, between the usual inputs of two tasks (960x540, 1920x1080, 3840x2160).
constexpr int64_t kPixelsMaxSd = int64_t{1280} * 1024;
constexpr int64_t kPixelsMaxHd = int64_t{2560} * 2048;

}  // namespace

const std::vector<VidaioTask>& VidaioTasks() {
  static const std::vector<VidaioTask> tasks = {
      {.name = "SD2HD", .scale = 2, .size_factor_max = 8},
      {.name = "HD24K", .scale = 2, .size_factor_max = 8},
      {.name = "SD24K", .scale = 4, .size_factor_max = 20},
      {.name = "4K28K", .scale = 2, .size_factor_max = 8}};
  return tasks;
}

Result<VidaioTask> FindVidaioTask(std::string_view name) {
  const std::string wanted(name);
  std::string names;
  for (const VidaioTask& task : VidaioTasks()) {
    if (strcasecmp(task.name.c_str(), wanted.c_str()) == 0) return task;
    names += (names.empty() ? "" : ", ") + task.name;
  }
  return InvalidArgument("'" + wanted + "' is not a task; there are " + names);
}

Result<VidaioTask> TaskForScale(int scale, FrameSize input) {
  if (scale == 4) return FindVidaioTask("SD24K");
  if (scale != 2) {
    return InvalidArgument("scale " + std::to_string(scale) + ": tasks have 2 and 4 only");
  }
  const int64_t pixels = int64_t{input.width} * input.height;
  if (pixels <= kPixelsMaxSd) return FindVidaioTask("SD2HD");
  return FindVidaioTask(pixels <= kPixelsMaxHd ? "HD24K" : "4K28K");
}

}  // namespace octoscale
