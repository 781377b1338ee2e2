// The routes of the miner's service.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "http/router.h"
#include "metrics/metrics.h"
#include "vidaio/front_desk.h"
#include "vidaio/task_thread.h"

namespace octoscale {

// What the handlers share; everything outlives the servers.
struct ServiceContext {
  const ServiceOptions* options = nullptr;
  FrontDesk* desk = nullptr;
  TaskThread* desk_thread = nullptr;  // where the desk works: it reads disks
  JobQueue* queue = nullptr;
  metrics::Registry* metrics = nullptr;
  std::string storage_problem;
  std::atomic<bool> draining{false};
};

http::Router MakeServiceRouter(ServiceContext* context);

}  // namespace octoscale
