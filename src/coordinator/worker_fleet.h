// WorkerFleet: everything behind `--workers` and `--spawn-workers`, as one FrameUpscaler.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/event_log.h"
#include "coordinator/local_workers.h"
#include "coordinator/remote_upscaler.h"

namespace octoscale::coordinator {

struct FleetOptions {
  std::vector<std::string> urls;  // normalised; empty: `local` says how many are started here
  LocalWorkersOptions local;      // its callbacks are set by the fleet
  RemoteOptions remote;
  std::string token_path;  // its first token is sent; empty: none
  std::string log_path;    // events, and what local workers print; empty: none
};

class WorkerFleet : public FrameUpscaler {
 public:
  // Starts local workers if wanted, and waits for the first worker that is ready. Errors: those of
  // EventLog::Open, LocalWorkers::Start and RemoteUpscaler::WaitReady; NotFound, IoError or
  // InvalidArgument for the token's file.
  static Result<std::unique_ptr<WorkerFleet>> Create(FleetOptions options,
                                                     const CancelToken& cancel);
  ~WorkerFleet() override;

  const UpscalerInfo& info() const override { return upscaler_->info(); }
  Result<std::vector<Frame>> Upscale(std::vector<Frame> batch, const CancelToken& cancel) override {
    return upscaler_->Upscale(std::move(batch), cancel);
  }
  std::vector<WorkerReport> Reports() const { return upscaler_->Reports(); }

 private:
  WorkerFleet() = default;
  Status StartLocal(LocalWorkersOptions options);

  // Destroyed from the last to the first: processes end while the dispatcher still listens to them.
  std::unique_ptr<EventLog> log_;
  std::unique_ptr<RemoteUpscaler> upscaler_;
  std::unique_ptr<LocalWorkers> local_;
};

// The first token of a file that a worker's --token-file takes too. Errors: those of
// octoscale::ReadTokenFile; InvalidArgument (no token in it, or bytes that a header field can't
// hold).
Result<std::string> ReadClientToken(const std::string& path);

}  // namespace octoscale::coordinator
