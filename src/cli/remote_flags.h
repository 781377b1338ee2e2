// The options of `octoscale upscale` that hand the work to worker servers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "cli/engine_flags.h"
#include "coordinator/worker_fleet.h"

namespace CLI {
class App;
}

namespace octoscale {

struct RemoteFlags {
  std::string workers;  // URL,URL,...
  int spawn_workers = 0;
  std::string token_path;
  std::string ca_path;
  std::string log_path;
  double worker_timeout_s = 60;
  double worker_deadline_s = 300;
  int batches_per_worker = 2;
  double simulate_ms_per_frame = -1;  // below 0: local workers run the real engine

  bool used() const { return !workers.empty() || spawn_workers > 0; }
};

void AddRemoteFlags(CLI::App& command, RemoteFlags& flags);

// What can be said before anything is touched: InvalidArgument for options that exclude each other,
// addresses that are none, and options that only the local engine has.
Status CheckRemoteFlags(const RemoteFlags& flags, const EngineFlags& engine);

// Waits for the first worker. Errors: those of CheckRemoteFlags and WorkerFleet::Create.
// `on_refused` is called with one line for each worker that is left out for good; thread-safe.
Result<std::unique_ptr<coordinator::WorkerFleet>> CreateFleet(
    const RemoteFlags& flags, const EngineFlags& engine,
    std::function<void(const std::string&)> on_refused, const CancelToken& cancel);

}  // namespace octoscale
