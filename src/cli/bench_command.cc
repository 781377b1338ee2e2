// octoscale bench: the arguments, and what is printed.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/process_usage.h"
#include "cli/bench_journal.h"
#include "cli/bench_video.h"
#include "cli/commands.h"
#include "cli/engine_flags.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/message.h"
#include "cli/terminal.h"
#include "cli/video_flags.h"
#include "engine/engine_speed.h"
#include "frame/synthetic_picture.h"

namespace octoscale {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kSecondsMax = 24 * 3600;

struct BenchEngineFlags {
  EngineFlags engine;
  int width = 640;
  int height = 360;
  double seconds = 5;
  bool json = false;
};

struct BenchVideoFlags {
  std::string input;
  EngineFlags engine;
  VideoFlags video;
  double seconds = 5;
  bool journal = false;
  bool json = false;
};

void PrintJson(const Json& json) {
  std::printf("%s\n", json.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
}

// What both benchmarks say about the engine.
Json DescribeEngine(const EngineUpscaler& upscaler, const Engine& engine, FrameSize size) {
  return {{"model", upscaler.info().model},
          {"scale", engine.options().scale},
          {"width", size.width},
          {"height", size.height},
          {"batch", engine.options().batch_size},
          {"patch", engine.options().patch_size},
          {"threads", engine.options().threads},
          {"precision", PrecisionName(engine.options().precision)},
          {"isa", CpuLevelName(engine.cpu_level())}};
}

std::string EngineText(const Json& json) {
  return json["model"].get<std::string>() + " x" + json["scale"].dump() + ", " +
         json["width"].dump() + "x" + json["height"].dump() + ", " +
         json["precision"].get<std::string>() + " on " + json["isa"].get<std::string>() + ", " +
         json["threads"].dump() + " threads, batches of " + json["batch"].dump();
}

int RunBenchEngine(const BenchEngineFlags& flags) {
  const auto upscaler = CreateEngineUpscaler(flags.engine);
  if (!upscaler.ok()) return ReportFailure(upscaler.status());
  Engine& engine = (*upscaler)->engine();
  const FrameSize size{flags.width, flags.height};
  if (size.width > kFrameSideMax / engine.options().scale ||
      size.height > kFrameSideMax / engine.options().scale) {
    return ReportFailure(InvalidArgument("--width and --height may be " +
                                         std::to_string(kFrameSideMax / engine.options().scale) +
                                         " at most at this scale"));
  }
  std::vector<Frame> frames;
  for (int i = 0; i < engine.options().batch_size; ++i) frames.push_back(SyntheticPicture(size, i));
  const auto speed = MeasureEngine(engine, frames, flags.seconds, InterruptToken());
  if (!speed.ok()) return ReportFailure(speed.status());

  Json json = DescribeEngine(**upscaler, engine, size);
  json["frames"] = speed->frames;
  json["seconds"] = speed->seconds;
  json["fps"] = speed->fps;
  json["effective_gflops"] = speed->effective_gflops;
  json["peak_rss_mb"] = PeakRssMib();
  if (flags.json) {
    PrintJson(json);
  } else {
    std::printf("%s\n%s fps, %s effective GFLOP/s, %s MiB at most\n", EngineText(json).c_str(),
                Fixed(speed->fps, 3).c_str(), Fixed(speed->effective_gflops, 1).c_str(),
                Fixed(PeakRssMib(), 0).c_str());
  }
  return kExitDone;
}

std::string MemoryText(const std::vector<double>& rss_mib) {
  if (rss_mib.empty()) return {};
  std::string text = "memory: ";
  for (const double rss : rss_mib) text += Fixed(rss, 0) + " ";
  return text + "MiB after each quarter\n";
}

int RunBenchVideo(const BenchVideoFlags& flags) {
  const auto pipeline = ResolveVideoFlags(flags.video);
  if (!pipeline.ok()) return ReportFailure(pipeline.status());
  const auto upscaler = CreateEngineUpscaler(flags.engine);
  if (!upscaler.ok()) return ReportFailure(upscaler.status());
  PipelineOptions options = *pipeline;
  if (flags.journal) options.journal.mode = JournalMode::kStart;
  const auto result = BenchVideo(flags.input, **upscaler, options, flags.seconds, InterruptToken());
  if (!result.ok()) return ReportFailure(result.status());

  Json json = DescribeEngine(**upscaler, (*upscaler)->engine(), result->input_size);
  json["encoder"] = result->report.encoder;
  json["frames"] = result->report.frames;
  json["seconds"] = result->report.seconds;
  json["fps"] = result->report.fps;
  json["engine_fps"] = result->engine.fps;
  json["ratio"] = result->report.fps / result->engine.fps;
  json["attainable_ratio"] = result->attainable_ratio;
  json["cpu_seconds"] = result->cpu_seconds;
  json["rss_mb"] = result->rss_mib;
  json["peak_rss_mb"] = PeakRssMib();
  if (flags.json) {
    PrintJson(json);
  } else {
    std::printf(
        "%s\nvideo:  %s fps (%lld frames, %s)\nengine: %s fps on the same frames\nratio:  %s (%s "
        "if the "
        "CPU time of all parts were all that counts)\n%s",
        EngineText(json).c_str(), Fixed(result->report.fps, 3).c_str(),
        static_cast<long long>(result->report.frames), result->report.encoder.c_str(),
        Fixed(result->engine.fps, 3).c_str(),
        Fixed(result->report.fps / result->engine.fps, 3).c_str(),
        Fixed(result->attainable_ratio, 3).c_str(), MemoryText(result->rss_mib).c_str());
  }
  return kExitDone;
}

struct BenchJournalFlags {
  std::string input;
  EngineFlags engine;
  VideoFlags video;
  int rounds = 3;
  bool json = false;
};

int RunBenchJournal(const BenchJournalFlags& flags) {
  const auto pipeline = ResolveVideoFlags(flags.video);
  if (!pipeline.ok()) return ReportFailure(pipeline.status());
  const auto upscaler = CreateEngineUpscaler(flags.engine);
  if (!upscaler.ok()) return ReportFailure(upscaler.status());
  const auto cost =
      BenchJournal(flags.input, **upscaler, *pipeline, flags.rounds, InterruptToken());
  if (!cost.ok()) return ReportFailure(cost.status());
  Json json = {{"frames", cost->frames},
               {"rounds", flags.rounds},
               {"segment_frames", cost->segment_frames},
               {"seconds_without", cost->without.seconds},
               {"seconds_with", cost->with.seconds},
               {"cpu_seconds_without", cost->without.cpu_seconds},
               {"cpu_seconds_with", cost->with.cpu_seconds},
               {"bytes_without", cost->without.output_bytes},
               {"bytes_with", cost->with.output_bytes},
               {"ratio", cost->with.seconds / cost->without.seconds},
               {"cpu_ratio", cost->with.cpu_seconds / cost->without.cpu_seconds}};
  if (flags.json) {
    PrintJson(json);
    return kExitDone;
  }
  const auto line = [](const char* name, const JournalRun& run) {
    std::printf("%s %s s, %s s of CPU, output %lld bytes\n", name, Fixed(run.seconds, 3).c_str(),
                Fixed(run.cpu_seconds, 3).c_str(), static_cast<long long>(run.output_bytes));
  };
  std::printf("%lld frames, segments of %lld, best of %d rounds each\n",
              static_cast<long long>(cost->frames), static_cast<long long>(cost->segment_frames),
              flags.rounds);
  line("without journal:", cost->without);
  line("with journal:   ", cost->with);
  std::printf("ratio:           %s of the time, %s of the CPU time\n",
              Fixed(json["ratio"].get<double>(), 4).c_str(),
              Fixed(json["cpu_ratio"].get<double>(), 4).c_str());
  return kExitDone;
}

void AddBenchEngine(CLI::App& bench, int& exit_code) {
  CLI::App* command = bench.add_subcommand(
      "engine", "Frames per second of the network alone, 8-bit pixels in to 8-bit pixels out");
  auto flags = std::make_shared<BenchEngineFlags>();
  AddEngineFlags(*command, flags->engine);
  command->add_option("--width", flags->width, "Pixels of the input")
      ->check(CLI::Range(1, kFrameSideMax))
      ->capture_default_str();
  command->add_option("--height", flags->height, "Pixels of the input")
      ->check(CLI::Range(1, kFrameSideMax))
      ->capture_default_str();
  command->add_option("--seconds", flags->seconds, "Measure at least this long, after a warm-up")
      ->check(CLI::Range(0.0, kSecondsMax))
      ->capture_default_str();
  command->add_flag("--json", flags->json, "Print JSON");
  command->callback([flags, &exit_code] { exit_code = RunBenchEngine(*flags); });
}

void AddBenchVideo(CLI::App& bench, int& exit_code) {
  CLI::App* command = bench.add_subcommand(
      "video", "Frames per second from file to file, beside the network's alone");
  auto flags = std::make_shared<BenchVideoFlags>();
  command->add_option("INPUT", flags->input, "Video")->required();
  AddEngineFlags(*command, flags->engine);
  AddVideoFlags(*command, flags->video);
  command->add_option("--seconds", flags->seconds, "Measure the network alone at least this long")
      ->check(CLI::Range(0.0, kSecondsMax))
      ->capture_default_str();
  command->add_flag("--journal", flags->journal, "Keep a journal, as `upscale` does");
  command->add_flag("--json", flags->json, "Print JSON");
  command->callback([flags, &exit_code] { exit_code = RunBenchVideo(*flags); });
}

void AddBenchJournal(CLI::App& bench, int& exit_code) {
  CLI::App* command = bench.add_subcommand(
      "journal", "What it costs that a video can be resumed: with and without, in turns");
  auto flags = std::make_shared<BenchJournalFlags>();
  command->add_option("INPUT", flags->input, "Video, of several segments")->required();
  AddEngineFlags(*command, flags->engine);
  AddVideoFlags(*command, flags->video);
  command->add_option("--rounds", flags->rounds, "Runs of each kind; the fastest counts")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_flag("--json", flags->json, "Print JSON");
  command->callback([flags, &exit_code] { exit_code = RunBenchJournal(*flags); });
}

}  // namespace

void AddBenchCommand(CLI::App& app, int& exit_code) {
  CLI::App* bench = app.add_subcommand("bench", "Measure speed on this machine");
  bench->require_subcommand(1);
  AddBenchEngine(*bench, exit_code);
  AddBenchVideo(*bench, exit_code);
  AddBenchJournal(*bench, exit_code);
}

}  // namespace octoscale
