// The tasks that Vidaio's validators hand out, and the limits of their answers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace octoscale {

struct VidaioTask {
  std::string name;  // "SD2HD"
  int scale = 2;
  int size_factor_max = 8;  // bytes of the answer / bytes of the input
};

// SD2HD, HD24K, SD24K and 4K28K.
const std::vector<VidaioTask>& VidaioTasks();

// By name, in any case. InvalidArgument lists the names.
Result<VidaioTask> FindVidaioTask(std::string_view name);

}  // namespace octoscale
