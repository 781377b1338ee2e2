#include "coordinator/worker_fleet.h"

#include <algorithm>
#include <utility>

#include "base/token_file.h"

namespace octoscale::coordinator {

Result<std::string> ReadClientToken(const std::string& path) {
  OCTO_ASSIGN_OR_RETURN(const std::vector<std::string> tokens, ReadTokenFile(path, 1));
  const auto visible = [](char c) { return c > 0x20 && c < 0x7f; };
  if (!tokens.empty() && std::all_of(tokens[0].begin(), tokens[0].end(), visible)) return tokens[0];
  return InvalidArgument(path +
                         ": expected a token of visible ASCII characters in the first line that is "
                         "neither blank nor starts with '#'");
}

Result<std::unique_ptr<WorkerFleet>> WorkerFleet::Create(FleetOptions options,
                                                         const CancelToken& cancel) {
  std::unique_ptr<WorkerFleet> fleet(new WorkerFleet);
  DispatcherOptions& dispatch = options.remote.dispatch;
  if (!options.token_path.empty()) {
    OCTO_ASSIGN_OR_RETURN(dispatch.token, ReadClientToken(options.token_path));
  }
  if (!options.log_path.empty()) {
    OCTO_ASSIGN_OR_RETURN(fleet->log_, EventLog::Open(options.log_path));
    dispatch.on_event = [log = fleet->log_.get()](const std::string& line) { log->Write(line); };
  }
  const bool local = options.urls.empty();
  std::vector<std::string> urls = options.urls;
  std::vector<std::string> names = options.urls;
  for (int i = 0; local && i < options.local.count; ++i) {
    urls.emplace_back();
    names.push_back(LocalWorkerName(static_cast<size_t>(i)));
  }
  OCTO_ASSIGN_OR_RETURN(fleet->upscaler_,
                        RemoteUpscaler::Create(std::move(options.remote), urls, names));
  if (local) OCTO_RETURN_IF_ERROR(fleet->StartLocal(std::move(options.local)));
  OCTO_RETURN_IF_ERROR(fleet->upscaler_->WaitReady(cancel));
  return fleet;
}

Status WorkerFleet::StartLocal(LocalWorkersOptions options) {
  Dispatcher* dispatcher = &upscaler_->dispatcher();
  options.on_line = [log = log_.get()](const std::string& line) {
    if (log != nullptr) log->Write(line);
  };
  options.on_listening = [dispatcher](size_t worker, const std::string& url) {
    dispatcher->SetAddress(worker, url);
  };
  options.on_gone = [dispatcher](size_t worker, const std::string& reason, bool for_good) {
    dispatcher->SetGone(worker, reason, for_good);
  };
  OCTO_ASSIGN_OR_RETURN(local_, LocalWorkers::Start(std::move(options)));
  return OkStatus();
}

WorkerFleet::~WorkerFleet() = default;

}  // namespace octoscale::coordinator
