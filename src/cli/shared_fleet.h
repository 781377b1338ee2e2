// One fleet of workers for all videos of a command, and for those who look at it.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "cli/remote_flags.h"
#include "coordinator/worker_report.h"
#include "frame/frame_upscaler.h"
#include "models/model_upscaler.h"

namespace octoscale {

// Copies share the fleet. It ends with the last of them and of what they made.
class SharedFleet {
 public:
  SharedFleet(const RemoteFlags& remote, const EngineFlags& engine,
              std::function<void(const std::string&)> on_refused, const CancelToken& cancel);

  // The first call starts the fleet for the request's model and scale, which the later ones of a
  // command share; the other options are the flags'. Errors: those of CreateFleet. One thread at a
  // time.
  Result<std::unique_ptr<FrameUpscaler>> Make(const ModelRequest& request) const;

  // Empty before the first Make(). Thread-safe from then on.
  std::vector<coordinator::WorkerReport> Reports() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace octoscale
