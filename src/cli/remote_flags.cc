#include "cli/remote_flags.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "base/clock.h"
#include "coordinator/worker_url.h"

namespace octoscale {
namespace {

constexpr double kTimeMax = 86'400;  // seconds

// This program, to be started as a worker too.
Result<std::string> OwnPath() {
  std::string path(PATH_MAX, '\0');
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
  if (length <= 0) return ErrnoStatus(errno, "/proc/self/exe");
  path.resize(static_cast<size_t>(length));
  return path;
}

std::vector<std::string> SpawnArguments(const RemoteFlags& flags, const EngineFlags& engine) {
  // The deadline that comes with each batch is to be the shorter one.
  const double request_timeout_s = std::min(flags.worker_deadline_s + 10, kTimeMax);
  std::vector<std::string> args = {"-m",
                                   engine.model,
                                   "-s",
                                   std::to_string(engine.scale),
                                   "-b",
                                   std::to_string(std::min(engine.batch_size, 64)),
                                   "--codec-threads",
                                   "1",
                                   "--request-timeout",
                                   std::to_string(request_timeout_s)};
  if (engine.precision != "auto") {
    args.insert(args.end(), {"--precision", engine.precision});
  }
  if (!engine.models_dir.empty()) args.insert(args.end(), {"--models-dir", engine.models_dir});
  if (flags.simulate_ms_per_frame >= 0) {
    args.insert(args.end(),
                {"--simulate-ms-per-frame", std::to_string(flags.simulate_ms_per_frame)});
  }
  return args;
}

}  // namespace

void AddRemoteFlags(CLI::App& command, RemoteFlags& flags) {
  const char* group = "Workers";
  command.add_option("--workers", flags.workers, "Upscale on these `octoscale worker` servers")
      ->type_name("URL,URL,...")
      ->group(group);
  command
      .add_option("--spawn-workers", flags.spawn_workers,
                  "Start this many workers here, the cores divided among them")
      ->check(CLI::Range(1, coordinator::kWorkersMax))
      ->group(group);
  command.add_option("--token-file", flags.token_path, "File with the workers' bearer token")
      ->type_name("FILE")
      ->group(group);
  command.add_option("--ca-file", flags.ca_path, "Certificates to trust for https workers, PEM")
      ->type_name("FILE")
      ->group(group);
  command
      .add_option("--worker-timeout", flags.worker_timeout_s,
                  "With no worker to send to, wait so long and then stop")
      ->check(CLI::Range(0.1, kTimeMax))
      ->type_name("S")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--worker-deadline", flags.worker_deadline_s,
                  "Longest time for one batch on one worker")
      ->check(CLI::Range(0.1, kTimeMax))
      ->type_name("S")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--batches-per-worker", flags.batches_per_worker,
                  "Batches on their way to each worker; 2 hide the time on the network")
      ->check(CLI::Range(1, 16))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--log-file", flags.log_path,
                  "Append what happens to workers and batches, and what local workers print")
      ->type_name("FILE")
      ->group(group);
  // For tests: local workers that enlarge pixels and take a fixed time.
  command.add_option("--simulate-ms-per-frame", flags.simulate_ms_per_frame)
      ->check(CLI::Range(0.0, 3'600'000.0))
      ->group("");
}

Status CheckRemoteFlags(const RemoteFlags& flags, const EngineFlags& engine) {
  if (!flags.used()) {
    const std::pair<const char*, bool> needing[] = {
        {"--token-file", !flags.token_path.empty()},
        {"--ca-file", !flags.ca_path.empty()},
        {"--log-file", !flags.log_path.empty()},
        {"--simulate-ms-per-frame", flags.simulate_ms_per_frame >= 0},
    };
    for (const auto& [name, given] : needing) {
      if (given) {
        return InvalidArgument(std::string(name) + " is for --workers or --spawn-workers");
      }
    }
    return OkStatus();
  }
  const bool remote = !flags.workers.empty();
  if (remote && flags.spawn_workers > 0) {
    return InvalidArgument(
        "--workers and --spawn-workers exclude each other; to use both, start "
        "local ones with `octoscale worker` and name them all in --workers");
  }
  if (engine.threads != 0) {
    return InvalidArgument(remote ? "--threads is for the local engine; give it to the workers"
                                  : "--threads is for one engine; --spawn-workers divides the "
                                    "cores among the workers");
  }
  if (engine.resample) {
    return InvalidArgument(
        "--resample works with the local engine only; workers give the scales "
        "of their networks");
  }
  if (!remote) return OkStatus();
  if (engine.precision != "auto" || !engine.models_dir.empty()) {
    return InvalidArgument(
        "--precision and --models-dir are for the local engine; give them to "
        "the workers");
  }
  if (flags.simulate_ms_per_frame >= 0) {
    return InvalidArgument("--simulate-ms-per-frame is for --spawn-workers");
  }
  return coordinator::ParseWorkerList(flags.workers).status();
}

Result<std::unique_ptr<coordinator::WorkerFleet>> CreateFleet(
    const RemoteFlags& flags, const EngineFlags& engine,
    std::function<void(const std::string&)> on_refused, const CancelToken& cancel) {
  OCTO_RETURN_IF_ERROR(CheckRemoteFlags(flags, engine));
  coordinator::FleetOptions options;
  coordinator::DispatcherOptions& dispatch = options.remote.dispatch;
  dispatch.model = engine.model;
  dispatch.scale = engine.scale;
  OCTO_ASSIGN_OR_RETURN(dispatch.patch_size, ParsePatchSize(engine.patch_size));
  dispatch.ca_path = flags.ca_path;
  dispatch.batches_per_worker = flags.batches_per_worker;
  dispatch.worker_timeout = Milliseconds(flags.worker_timeout_s);
  dispatch.batch_deadline = Milliseconds(flags.worker_deadline_s);
  dispatch.on_refused = std::move(on_refused);
  options.remote.batch_frames = engine.batch_size;
  options.token_path = flags.token_path;
  options.log_path = flags.log_path;
  if (!flags.workers.empty()) {
    OCTO_ASSIGN_OR_RETURN(options.urls, coordinator::ParseWorkerList(flags.workers));
  } else {
    options.local.count = flags.spawn_workers;
    OCTO_ASSIGN_OR_RETURN(options.local.program, OwnPath());
    options.local.args = SpawnArguments(flags, engine);
  }
  return coordinator::WorkerFleet::Create(std::move(options), cancel);
}

}  // namespace octoscale
