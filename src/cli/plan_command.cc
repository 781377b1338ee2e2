// octoscale plan: how long a clip would take here, and what would be chosen for a deadline.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/clip_flags.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/message.h"
#include "cli/remote_flags.h"
#include "cli/shared_fleet.h"
#include "cli/terminal.h"
#include "vidaio/clip_plan.h"

namespace octoscale {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFooter =
    "Examples:\n"
    "  octoscale plan clip.mp4 --task SD2HD --deadline 40s\n"
    "  octoscale plan clip.mp4 -s 2 -c libx265 --deadline 90 --json\n"
    "  octoscale plan clip.mp4 --task HD24K --deadline 40s --workers http://10.0.0.5:8090\n"
    "\n"
    "The first time it measures this machine, which takes seconds, and keeps the result in\n"
    "${XDG_CACHE_HOME:-~/.cache}/octoscale/calibration.json. docs/vidaio.md says how it computes.\n"
    "Exit code: 0 something fits (or there is no deadline), 1 nothing fits or INPUT can't be "
    "read,\n"
    "2 wrong usage.";

struct PlanFlags {
  std::string input;
  bool json = false;
  ClipFlags clip;
  EngineFlags engine;
  RemoteFlags remote;
  VideoFlags video;
};

std::string LocalTime(int64_t unix_time) {
  const time_t time = unix_time;
  struct tm parts {};
  localtime_r(&time, &parts);
  char text[32];
  strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts);
  return text;
}

double Rounded(double value) { return std::round(value * 1e4) / 1e4; }

Json ForecastJson(const Forecast& forecast) {
  return {{"model", forecast.choice.model},
          {"precision", forecast.choice.precision},
          {"arithmetic", forecast.arithmetic},
          {"encoder", forecast.choice.codec},
          {"encoder_preset", forecast.choice.preset},
          {"predicted_s", Rounded(forecast.seconds)},
          {"start_s", Rounded(forecast.start_seconds)},
          {"engine_cpu_s", Rounded(forecast.engine_cpu)},
          {"encoder_cpu_s", Rounded(forecast.encoder_cpu)},
          {"other_cpu_s", Rounded(forecast.other_cpu)},
          {"fits", forecast.fits}};
}

void PrintJson(const PlanFlags& flags, const ClipPlan& plan) {
  const FrameSize size = plan.facts.input;
  Json options = Json::array();
  for (const Forecast& forecast : plan.plan.forecasts) options.push_back(ForecastJson(forecast));
  Json json = {{"input", flags.input}};
  json["task"] = flags.clip.task.empty() ? Json(nullptr) : Json(flags.clip.task);
  json["frames"] = plan.facts.frames;
  json["width"] = size.width;
  json["height"] = size.height;
  json["output_width"] = size.width * plan.facts.scale;
  json["output_height"] = size.height * plan.facts.scale;
  json["bytes_max"] = plan.bytes_max > 0 ? Json(plan.bytes_max) : Json(nullptr);
  json["deadline_s"] = plan.deadline_seconds > 0 ? Json(plan.deadline_seconds) : Json(nullptr);
  json["fits"] = plan.plan.fits;
  json["predicted_s"] = Rounded(plan.plan.best().seconds);
  json["planning_s"] = Rounded(plan.planning_seconds);
  json["choice"] = ForecastJson(plan.plan.best());
  json["options"] = options;
  json["cores_needed"] = plan.plan.cores_needed > 0 ? Json(plan.plan.cores_needed) : Json(nullptr);
  json["machines_needed"] =
      plan.plan.machines_needed > 0 ? Json(plan.plan.machines_needed) : Json(nullptr);
  json["machine"] = {
      {"cpu", plan.machine.cpu}, {"level", plan.machine.level}, {"threads", plan.machine.threads}};
  json["calibration"] = {{"made", LocalTime(plan.calibrated_unix)},
                         {"measured_now", plan.measured_now},
                         {"path", plan.calibration_path}};
  Json costs = Json::object();
  for (const EncoderCost& cost : plan.facts.probe.encoder_costs) {
    costs[cost.preset] = {{"pixel", Rounded(cost.pixel)},
                          {"begin_frames", Rounded(cost.begin_frames)}};
  }
  json["clip"] = {{"decode_cpu_ns", Rounded(plan.facts.probe.decode_cpu * 1e9)},
                  {"encoder_costs", costs},
                  {"cpu_cost", Rounded(plan.facts.probe.cpu_cost)},
                  {"core_share", Rounded(plan.facts.probe.core_share)}};
  // File names need not be UTF-8, JSON must.
  std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

void PrintTable(const PlanFlags& flags, const ClipPlan& plan) {
  const FrameSize in = plan.facts.input;
  const int scale = plan.facts.scale;
  std::printf("%s: %lld frames, %dx%d to %dx%d\n", flags.input.c_str(),
              static_cast<long long>(plan.facts.frames), in.width, in.height, in.width * scale,
              in.height * scale);
  std::printf("%s, %s, %d threads; measured %s%s\n\n", plan.machine.cpu.c_str(),
              plan.machine.level.c_str(), plan.machine.threads,
              LocalTime(plan.calibrated_unix).c_str(), plan.measured_now ? " and now" : "");
  size_t width = 0;
  for (const Forecast& forecast : plan.plan.forecasts) {
    width = std::max(width, ChoiceText(forecast).size());
  }
  for (size_t i = 0; i < plan.plan.forecasts.size(); ++i) {
    const Forecast& forecast = plan.plan.forecasts[i];
    const bool chosen = static_cast<int>(i) == plan.plan.chosen;
    std::printf("%c %-*s  %8s s%s\n", chosen && plan.plan.fits ? '*' : ' ', static_cast<int>(width),
                ChoiceText(forecast).c_str(), Fixed(forecast.seconds, 1).c_str(),
                plan.deadline_seconds <= 0 ? ""
                : forecast.fits            ? "  fits"
                                           : "  too slow");
  }
  if (plan.plan.fits) return;
  std::printf("\n%s\n", NothingFitsText(plan).c_str());
}

int RunPlan(const PlanFlags& flags, const CLI::App& command) {
  const auto pipeline = ResolveVideoFlags(flags.video);
  if (!pipeline.ok()) return ReportFailure(pipeline.status());
  auto job = ResolveClipFlags(flags.clip, flags.engine, *pipeline, command);
  if (!job.ok()) return ReportFailure(job.status());
  job->input = flags.input;
  job->output = "plan.mp4";  // nothing is written
  if (const Status remote = CheckRemoteFlags(flags.remote, flags.engine); !remote.ok()) {
    return ReportFailure(remote);
  }
  if (flags.remote.used()) {
    const SharedFleet fleet(flags.remote, flags.engine, PrintWarning, InterruptToken());
    job->make_upscaler = [fleet](const ModelRequest& request) { return fleet.Make(request); };
    job->upscaler_shares_cores = flags.remote.spawn_workers > 0;
  }
  const auto plan = PlanClip(*job, InterruptToken());
  if (!plan.ok()) return ReportFailure(plan.status());
  flags.json ? PrintJson(flags, *plan) : PrintTable(flags, *plan);
  return plan->plan.fits ? kExitDone : kExitFailed;
}

}  // namespace

void AddPlanCommand(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("plan", "Say how long a video would take here, without doing it");
  auto flags = std::make_shared<PlanFlags>();
  command->add_option("INPUT", flags->input, "Video")->required();
  command->add_flag("--json", flags->json, "Print JSON");
  AddClipFlags(*command, flags->clip);
  command->remove_option(command->get_option("--late"));
  AddEngineFlags(*command, flags->engine);
  AddRemoteFlags(*command, flags->remote);
  AddVideoFlags(*command, flags->video);
  command->footer(kFooter);
  command->callback([flags, command, &exit_code] { exit_code = RunPlan(*flags, *command); });
}

}  // namespace octoscale
