#include "cli/shared_fleet.h"

#include <utility>

namespace octoscale {
namespace {

// Somebody's share in the fleet.
class FleetUpscaler : public FrameUpscaler {
 public:
  explicit FleetUpscaler(std::shared_ptr<coordinator::WorkerFleet> fleet)
      : fleet_(std::move(fleet)) {}

  const UpscalerInfo& info() const override { return fleet_->info(); }
  Result<std::vector<Frame>> Upscale(std::vector<Frame> batch, const CancelToken& cancel) override {
    return fleet_->Upscale(std::move(batch), cancel);
  }

 private:
  std::shared_ptr<coordinator::WorkerFleet> fleet_;
};

}  // namespace

struct SharedFleet::State {
  RemoteFlags remote;
  EngineFlags engine;
  std::function<void(const std::string&)> on_refused;
  CancelToken cancel;
  std::shared_ptr<coordinator::WorkerFleet> fleet;
};

SharedFleet::SharedFleet(const RemoteFlags& remote, const EngineFlags& engine,
                         std::function<void(const std::string&)> on_refused,
                         const CancelToken& cancel)
    : state_(
          std::make_shared<State>(State{remote, engine, std::move(on_refused), cancel, nullptr})) {}

Result<std::unique_ptr<FrameUpscaler>> SharedFleet::Make(const ModelRequest& request) const {
  if (!state_->fleet) {
    EngineFlags engine = state_->engine;
    engine.model = request.model;
    engine.scale = request.engine.scale;
    OCTO_ASSIGN_OR_RETURN(state_->fleet,
                          CreateFleet(state_->remote, engine, state_->on_refused, state_->cancel));
  }
  return std::unique_ptr<FrameUpscaler>(std::make_unique<FleetUpscaler>(state_->fleet));
}

std::vector<coordinator::WorkerReport> SharedFleet::Reports() const {
  return state_->fleet ? state_->fleet->Reports() : std::vector<coordinator::WorkerReport>();
}

}  // namespace octoscale
