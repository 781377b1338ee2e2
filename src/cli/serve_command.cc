// octoscale serve: answers a miner's requests until it is told to stop.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/message.h"
#include "cli/serve_flags.h"
#include "cli/service_signals.h"
#include "vidaio/service.h"

namespace octoscale {
namespace {

constexpr const char* kFooter =
    "Prints {\"event\":\"listening\",\"port\":N,\"older_port\":N} on stdout, a log on stderr.\n"
    "Options with (Env:NAME) are read from that variable when they are not given.\n"
    "SIGTERM: finishes what was accepted, then exits with 0; a second one exits at once with 130.\n"
    "What is unfinished then, or after a crash, is finished by the next start.\n"
    "docs/vidaio.md describes the routes.";

void PrintListening(const VidaioService& service) {
  std::printf("{\"event\":\"listening\",\"port\":%d,\"older_port\":%d}\n", service.port(),
              service.older_port());
  std::fflush(stdout);
}

int RunServe(const ServeFlags& flags) {
  StopSignals signals;  // before any thread
  const auto options = ServiceOptionsOf(flags);
  if (!options.ok()) return ReportFailure(options.status());
  std::function<void(const std::string&)> log;
  if (!flags.quiet) log = [](const std::string& line) { PrintInfo(line); };
  const auto service = VidaioService::Create(*options, log);
  if (!service.ok()) return ReportFailure(service.status());
  (*service)->Start();
  PrintListening(**service);
  NotifyServiceManager("READY=1");
  static_cast<void>(signals.Wait());
  NotifyServiceManager("STOPPING=1");
  (*service)->BeginDrain();
  const bool drained = (*service)->WaitDrained(Milliseconds(flags.drain_s));
  (*service)->Stop();
  if (!drained) {
    PrintInfo("tasks were unfinished when --drain-timeout ended; the next start goes on with them");
  }
  return kExitDone;
}

}  // namespace

void AddServeCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("serve", "Answer a Vidaio miner's requests over HTTP");
  auto flags = std::make_shared<ServeFlags>();
  AddServeFlags(*command, *flags);
  command->footer(kFooter);
  command->callback([flags, command, &exit_code] {
    flags->options.older_listen_required = command->count("--older-listen") > 0;
    exit_code = RunServe(*flags);
  });
}

}  // namespace octoscale
