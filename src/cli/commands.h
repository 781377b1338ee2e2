// The subcommands of octoscale. Each function adds one to `app`; when the user names it, its
// callback runs it and stores the process's exit code in `exit_code`, which must outlive `app`.
#pragma once

namespace CLI {
class App;
}

namespace octoscale {

void AddUpscaleCommand(CLI::App& app, int& exit_code);
void AddPlanCommand(CLI::App& app, int& exit_code);
void AddModelsCommand(CLI::App& app, int& exit_code);
void AddBenchCommand(CLI::App& app, int& exit_code);
void AddDevicesCommand(CLI::App& app, int& exit_code);
void AddWorkerCommand(CLI::App& app, int& exit_code);
void AddServeCommand(CLI::App& app, int& exit_code);
void AddVerifyCommand(CLI::App& app, int& exit_code);

}  // namespace octoscale
