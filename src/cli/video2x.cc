#include "cli/video2x.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "cli/interrupt.h"
#include "cli/key_reader.h"
#include "cli/video2x_args.h"
#include "cli/video2x_console.h"
#include "cli/video2x_job.h"
#include "cli/video2x_options.h"

namespace octoscale {
namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kAborted = 2;
constexpr int kBadArguments = 255;

// The release whose command line this program takes.
constexpr const char* kVersion = "Video2X version 6.4.0 (octoscale " OCTOSCALE_VERSION ")";

std::string DeviceList() {
  std::string levels;
  for (const CpuLevel level : AvailableCpuLevels()) {
    levels += (levels.empty() ? "" : ", ") + std::string(CpuLevelName(level));
  }
  return fmt::format("0. {}\n\tType: CPU\n\tCores: {}\n\tInstruction sets: {}\n", CpuModelName(),
                     AvailableCores(), levels);
}

std::string SummaryText(const Video2xArgs& args, const Video2xSummary& summary) {
  const double fps = summary.seconds > 0 ? summary.frames / summary.seconds : 0;
  std::string text = fmt::format("====== Video2X {} summary ======\n",
                                 args.benchmark ? "Benchmark" : "Processing");
  text += fmt::format("Video file processed: {}\n", args.input);
  text += fmt::format("Total frames processed: {}\n", summary.frames);
  text += fmt::format("Total time taken: {}\n", HoursMinutesSeconds(summary.seconds));
  text += fmt::format("Average processing speed: {:.2f} FPS\n", fps);
  if (!args.benchmark) text += fmt::format("Output written to: {}\n", args.output);
  return text;
}

int ReportEnd(const Video2xArgs& args, const Result<Video2xSummary>& summary,
              Video2xConsole& console) {
  if (summary.ok()) {
    console.Log(Video2xLevel::kInfo, "Video processed successfully");
    console.Print(SummaryText(args, *summary));
    return kDone;
  }
  const Status status = summary.status();
  if (status.code() == StatusCode::kCancelled) {
    console.Log(Video2xLevel::kWarning, "Video processing aborted");
    return kAborted;
  }
  console.Log(Video2xLevel::kCritical, "Video processing failed: " + status.message());
  return status.code() == StatusCode::kInvalidArgument ? kBadArguments : kFailed;
}

int RunJob(const Video2xArgs& args, Video2xConsole& console) {
  console.Log(Video2xLevel::kInfo, kVersion);
  console.Log(Video2xLevel::kInfo, "Processing file: " + args.input);
  for (const std::string& warning : args.warnings) console.Log(Video2xLevel::kWarning, warning);
  const Result<CpuLevel> level = ActiveCpuLevel();
  if (!level.ok()) return ReportEnd(args, level.status(), console);
  console.Log(Video2xLevel::kInfo, fmt::format("Using CPU: {}, {} cores, {}", CpuModelName(),
                                               AvailableCores(), CpuLevelName(*level)));
  SetForcedExit(kAborted, KeyReader::RestoreTerminal);
  Video2xJob job(args, &console, InterruptToken());
  return ReportEnd(args, job.Run(), console);
}

int RunArguments(const std::vector<std::string>& arguments, Video2xConsole& console) {
  const Result<Video2xArgs> args =
      ParseVideo2xArgs(arguments, std::getenv("OCTOSCALE_VIDEO2X_DROP_TAIL"));
  if (!args.ok()) {
    console.Log(Video2xLevel::kCritical, args.status().message());
    return kBadArguments;
  }
  console.set_level(args->log_level);
  switch (args->action) {
    case Video2xAction::kHelp:
      console.Print(Video2xHelp());
      return kDone;
    case Video2xAction::kVersion:
      console.Print(std::string(kVersion) + "\n");
      return kDone;
    case Video2xAction::kListDevices:
      console.Print(DeviceList());
      return kDone;
    case Video2xAction::kRun:
      break;
  }
  return RunJob(*args, console);
}

}  // namespace

int RunVideo2x(int argc, char** argv) {
  // A reader of our stdout that goes away must not end a job half-way.
  std::signal(SIGPIPE, SIG_IGN);
  Video2xConsole console;
  try {
    return RunArguments(std::vector<std::string>(argv + 1, argv + argc), console);
  } catch (const std::exception& error) {
    console.Log(Video2xLevel::kCritical, std::string("unexpected: ") + error.what());
    return kFailed;
  }
}

}  // namespace octoscale
