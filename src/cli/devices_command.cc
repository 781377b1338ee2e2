// octoscale devices: what can compute here.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/cpu.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/message.h"

namespace octoscale {
namespace {

int RunDevices(bool json) {
  const Result<CpuLevel> active = ActiveCpuLevel();
  if (!active.ok()) return ReportFailure(active.status());
  const std::string in_use(CpuLevelName(*active));
  const std::string name = CpuModelName();
  const int cores = AvailableCores();
  nlohmann::json levels = nlohmann::json::array();
  std::string level_names;
  for (CpuLevel level : AvailableCpuLevels()) {
    levels.push_back(CpuLevelName(level));
    level_names += (level_names.empty() ? "" : ", ") + std::string(CpuLevelName(level));
  }
  if (json) {
    const nlohmann::json device = {{"index", 0},     {"kind", "cpu"},  {"name", name},
                                   {"cores", cores}, {"isas", levels}, {"isa", in_use}};
    std::printf("%s\n", nlohmann::json::array({device}).dump().c_str());
  } else {
    std::printf("0: CPU, %s, %d cores\n", name.c_str(), cores);
    std::printf("   instruction sets: %s; in use: %s\n", level_names.c_str(), in_use.c_str());
  }
  return kExitDone;
}

}  // namespace

void AddDevicesCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("devices", "List what can compute on this machine");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print JSON");
  command->footer("OCTOSCALE_CPU=scalar|avx2|avx512|avx512bf16|amx forces an instruction set.");
  command->callback([json, &exit_code] { exit_code = RunDevices(*json); });
}

}  // namespace octoscale
