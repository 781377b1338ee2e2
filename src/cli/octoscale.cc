#include "cli/octoscale.h"

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <iostream>
#include <string>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/message.h"

namespace octoscale {
namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  octoscale models install                        fetch the networks' weights, once\n"
    "  octoscale upscale clip.mp4 -o clip-2x.mp4       twice the width and height\n"
    "  octoscale upscale old.avi -o new.mkv -s 4 --crf 16 --preset slow\n"
    "  octoscale upscale photo.jpg -o photo-4x.png -s 4 -m realesrgan-x4plus\n"
    "  octoscale upscale holiday/ -o holiday-2x/       every video and picture in a folder\n"
    "  octoscale verify clip.mp4 clip-2x.mp4           is everything still there?\n"
    "  octoscale plan clip.mp4 --task SD2HD --deadline 40s\n"
    "  octoscale bench engine --seconds 10             frames per second on this machine\n"
    "  octoscale serve --api vidaio                    answer a miner's requests\n"
    "\n"
    "`octoscale COMMAND --help` describes a command's options.\n"
    "Exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted.";

// CLI11 words its errors over several lines; ours have one.
std::string OneLine(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return text;
}

bool HasCommand(const CLI::App& app, const std::string& name) {
  for (const CLI::App* sub : app.get_subcommands({})) {
    if (sub->check_name(name)) return true;
  }
  return false;
}

int ReportParseError(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  if (error.get_exit_code() == 0) return app.exit(error, std::cout, std::cerr);
  // The command that the user got to, and the word after it.
  const CLI::App* command = &app;
  std::string path = app.get_name();
  int next = 1;
  while (next < argc && HasCommand(*command, argv[next])) {
    command = command->get_subcommand(argv[next]);
    path += std::string(" ") + argv[next++];
  }
  std::string what = OneLine(error.what());
  const bool takes_command = !command->get_subcommands({}).empty();
  if (takes_command && next < argc && argv[next][0] != '-') {
    what = std::string("'") + argv[next] + "' is not a command of `" + path + "`";
  }
  PrintError(what + "; see `" + path + " --help`");
  return kExitUsage;
}

}  // namespace

int RunOctoscale(int argc, char** argv) {
  // A reader of our stdout that goes away must not end a job half-way.
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app("Upscales videos and pictures with Real-ESRGAN networks on ordinary CPUs.",
               "octoscale");
  app.set_version_flag("--version", std::string("octoscale ") + OCTOSCALE_VERSION);
  app.footer(kFooter);
  app.require_subcommand(1);
  int exit_code = kExitDone;
  AddUpscaleCommand(app, exit_code);
  AddPlanCommand(app, exit_code);
  AddModelsCommand(app, exit_code);
  AddBenchCommand(app, exit_code);
  AddVerifyCommand(app, exit_code);
  AddDevicesCommand(app, exit_code);
  AddWorkerCommand(app, exit_code);
  AddServeCommand(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return ReportParseError(app, error, argc, argv);
  } catch (const std::exception& error) {
    PrintError(std::string("unexpected: ") + error.what());
    return kExitFailed;
  }
  return exit_code;
}

}  // namespace octoscale
