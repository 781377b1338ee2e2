// The tasks that Vidaio's validators hand out, and the limits of their answers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "frame/frame.h"

namespace octoscale {

struct VidaioTask {
  std::string name;  // "SD2HD"
  int scale = 2;
  int size_factor_max = 8;                     // bytes of the answer / bytes of the input
  std::string model = "realesr-animevideov3";  // docs/vidaio.md says why
};

constexpr double kDeadlineSecondsMax = 7 * 24 * 3600;

// SD2HD, HD24K, SD24K and 4K28K.
const std::vector<VidaioTask>& VidaioTasks();

// By name, in any case. InvalidArgument lists the names.
Result<VidaioTask> FindVidaioTask(std::string_view name);

// For requests that name a scale alone: SD24K for 4; for 2 the task whose usual inputs are as large
// as this one. Errors: InvalidArgument for any other scale.
Result<VidaioTask> TaskForScale(int scale, FrameSize input);

}  // namespace octoscale
