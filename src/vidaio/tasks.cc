#include "vidaio/tasks.h"

#include <strings.h>

namespace octoscale {

const std::vector<VidaioTask>& VidaioTasks() {
  static const std::vector<VidaioTask> tasks = {
      {"SD2HD", 2, 8}, {"HD24K", 2, 8}, {"SD24K", 4, 20}, {"4K28K", 2, 8}};
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

}  // namespace octoscale
