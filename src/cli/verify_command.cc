// octoscale verify: is an upscaled video all that its input was?
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/message.h"
#include "vidaio/compliance.h"
#include "video/verify.h"

namespace octoscale {
namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  octoscale verify clip.mp4 clip-2x.mp4\n"
    "  octoscale verify film.mkv film.mp4 -s 4 --ignore attachments\n"
    "  octoscale verify clip.mp4 answer.mp4 --task SD2HD --json\n"
    "\n"
    "Both files are decoded from beginning to end. docs/verify.md describes every check.\n"
    "Exit code: 0 all checks passed, 1 one failed or INPUT can't be read, 2 wrong usage.";

struct VerifyFlags {
  std::string input;
  std::string output;
  std::string task;
  bool json = false;
  VerifyOptions options;
};

Result<VerifyReport> Verify(const VerifyFlags& flags) {
  if (flags.task.empty()) {
    return VerifyVideo(flags.input, flags.output, flags.options, InterruptToken());
  }
  OCTO_ASSIGN_OR_RETURN(const VidaioTask task, FindVidaioTask(flags.task));
  return CheckAnswer(task, flags.input, flags.output, InterruptToken());
}

void PrintJson(const VerifyReport& report) {
  nlohmann::ordered_json checks = nlohmann::ordered_json::array();
  for (const VerifyCheck& check : report.checks) {
    checks.push_back({{"name", check.name},
                      {"ok", check.ok},
                      {"expected", check.expected},
                      {"found", check.found}});
  }
  const nlohmann::ordered_json json = {{"ok", report.ok()}, {"checks", checks}};
  // File names in messages need not be UTF-8, JSON must.
  const std::string text =
      json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  std::printf("%s\n", text.c_str());
}

void PrintTable(const VerifyReport& report) {
  const auto width = [&](const std::string VerifyCheck::*field, size_t least) {
    for (const VerifyCheck& check : report.checks) least = std::max(least, (check.*field).size());
    return static_cast<int>(least);
  };
  const int names = width(&VerifyCheck::name, 5), expected = width(&VerifyCheck::expected, 8);
  std::printf("      %-*s  %-*s  %s\n", names, "check", expected, "expected", "found");
  for (const VerifyCheck& check : report.checks) {
    std::printf("%-4s  %-*s  %-*s  %s\n", check.ok ? "ok" : "FAIL", names, check.name.c_str(),
                expected, check.expected.c_str(), check.found.c_str());
  }
  const auto failed =
      std::ranges::count_if(report.checks, [](const VerifyCheck& check) { return !check.ok; });
  if (failed == 0) {
    std::printf("all %zu checks passed\n", report.checks.size());
  } else {
    std::printf("%td of %zu checks failed: %s\n", failed, report.checks.size(),
                report.Failures().c_str());
  }
}

int RunVerify(const VerifyFlags& flags) {
  const Result<VerifyReport> report = Verify(flags);
  if (!report.ok()) return ReportFailure(report.status());
  flags.json ? PrintJson(*report) : PrintTable(*report);
  return report->ok() ? kExitDone : kExitFailed;
}

void AddExpectations(CLI::App& command, VerifyOptions& options, CLI::Option* task) {
  const auto add = [&](const char* name, auto& value, const char* text) {
    return command.add_option(name, value, text)->excludes(task)->group("What is expected");
  };
  add("-s,--scale", options.scale, "Output size = input size x scale; default: any of 2, 3, 4")
      ->check(CLI::Range(2, 4));
  add("--codec", options.codec, "Format of the output's video, by FFmpeg's name, e.g. hevc");
  add("--profile", options.profile, "Profile of the output's video, e.g. Main");
  add("--pix-fmt", options.pixel_format,
      "Pixel format of the output; default: any that keeps the input's bits");
  add("--psnr-min", options.psnr_db_min, "Least PSNR, in dB")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  add("--ssim-min", options.ssim_min, "Least SSIM")
      ->check(CLI::Range(-1.0, 1.0))
      ->capture_default_str();
  add("--ignore", options.ignored, "Leave out a check, by name; may be repeated")
      ->type_name("CHECK")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

}  // namespace

void AddVerifyCommand(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("verify", "Compare an upscaled video with its input, in every respect");
  auto flags = std::make_shared<VerifyFlags>();
  command->add_option("INPUT", flags->input, "The video that was upscaled")->required();
  command->add_option("OUTPUT", flags->output, "What became of it")->required();
  command->add_flag("--json", flags->json, "Print JSON");
  CLI::Option* task = command->add_option(
      "--task", flags->task,
      "Check what makes a Vidaio answer score zero: SD2HD, HD24K, SD24K, 4K28K");
  AddExpectations(*command, flags->options, task);
  command->footer(kFooter);
  command->callback([flags, &exit_code] { exit_code = RunVerify(*flags); });
}

}  // namespace octoscale
