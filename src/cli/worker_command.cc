// octoscale worker: serves upscaling over HTTP until it is told to stop.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/message.h"
#include "cli/service_signals.h"
#include "cli/worker_flags.h"
#include "worker/worker_server.h"

namespace octoscale {
namespace {

constexpr const char* kFooter =
    "Prints {\"event\":\"listening\",\"port\":N} and {\"event\":\"ready\"} on stdout, one line a "
    "request on stderr.\n"
    "SIGTERM: finishes what was accepted, then exits with 0; a second one exits at once with 130.\n"
    "docs/worker.md describes the routes.";

void PrintEvent(const std::string& json) {
  std::printf("%s\n", json.c_str());
  std::fflush(stdout);
}

int RunWorker(const WorkerFlags& flags) {
  StopSignals signals;  // before any thread
  auto provider = WorkerProviderOf(flags);
  if (!provider.ok()) return ReportFailure(provider.status());
  worker::WorkerLog log;
  if (!flags.quiet) log.request = [](const std::string& line) { PrintInfo(line); };
  log.failure = [](const std::string& line) { PrintError(line); };
  const worker::WorkerOptions options = WorkerOptionsOf(flags);
  auto server = worker::WorkerServer::Create(options, *provider, log);
  if (!server.ok()) return ReportFailure(server.status());

  Status warm;
  PrintEvent("{\"event\":\"listening\",\"port\":" + std::to_string((*server)->port()) + "}");
  (*server)->Start([&](Status status) {
    warm = std::move(status);
    if (!warm.ok()) return signals.Raise();
    PrintEvent("{\"event\":\"ready\"}");
    NotifyServiceManager("READY=1");
  });
  const bool asked = signals.Wait();
  NotifyServiceManager("STOPPING=1");
  if (!asked) {
    (*server)->Stop();
    return ReportFailure(warm.WithContext("loading the model"));
  }
  (*server)->BeginDrain();
  const bool drained = (*server)->WaitDrained(options.drain_timeout);
  (*server)->Stop();
  if (drained) return kExitDone;
  PrintError("requests were still running when --drain-timeout ended; they were broken off");
  return kExitFailed;
}

}  // namespace

void AddWorkerCommand(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("worker", "Serve upscaling over HTTP, in batches, to many callers");
  auto flags = std::make_shared<WorkerFlags>();
  AddWorkerFlags(*command, *flags);
  command->footer(kFooter);
  command->callback([flags, &exit_code] { exit_code = RunWorker(*flags); });
}

}  // namespace octoscale
