#include "coordinator/worker_fleet.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <utility>

namespace octoscale::coordinator {

Result<std::string> ReadTokenFile(const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  std::string token;
  if (!file) return ErrnoStatus(errno != 0 ? errno : EIO, path + ": can't read the token");
  std::getline(file, token);
  if (file.bad()) return IoError(path + ": can't read the token");
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!token.empty() && blank(token.back())) token.pop_back();
  while (!token.empty() && blank(token.front())) token.erase(token.begin());
  const bool plain = std::all_of(token.begin(), token.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f;
  });
  if (!token.empty() && plain) return token;
  return InvalidArgument(path +
                         ": expected a token of printable ASCII without blanks in the first "
                         "line");
}

Result<std::unique_ptr<WorkerFleet>> WorkerFleet::Create(FleetOptions options,
                                                         const CancelToken& cancel) {
  std::unique_ptr<WorkerFleet> fleet(new WorkerFleet);
  DispatcherOptions& dispatch = options.remote.dispatch;
  if (!options.token_path.empty()) {
    OCTO_ASSIGN_OR_RETURN(dispatch.token, ReadTokenFile(options.token_path));
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
