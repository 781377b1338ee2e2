#include "cli/worker_flags.h"

#include <CLI/CLI.hpp>
#include <limits>

#include "base/clock.h"
#include "cli/service_flags.h"
#include "worker/engine_provider.h"
#include "worker/simulated_upscaler.h"

namespace octoscale {
namespace {

constexpr double kMebibyte = 1 << 20;
constexpr double kLargeNumber = 1e6;

void AddServingFlags(CLI::App& command, WorkerFlags& flags) {
  worker::WorkerOptions& o = flags.options;
  const char* group = "Serving";
  AddListenFlag(command, group, o.listen);
  command.add_option("-m,--model", o.model, "Network when a request names none")
      ->capture_default_str()
      ->group(group);
  AddNumber(command, group, "-s,--scale", o.scale, "Scale when a request names none", 1, 4);
  AddNumber(command, group, "-b,--batch-size", o.batch_frames,
            "Frames computed together; 1 switches batching off", 1, 64);
  AddNumber(command, group, "--max-batch-delay", flags.batch_delay_ms,
            "Longest wait of single frames and tails for others", 0, 10'000, "MS");
  command.add_option("--models-dir", flags.models_dir, "Look for weights here first")
      ->type_name("DIR")
      ->group(group);
  command.add_option("--precision", flags.precision, "Arithmetic: auto, fp32, bf16 or int16")
      ->check(CLI::IsMember({"auto", "fp32", "bf16", "int16"}))
      ->capture_default_str()
      ->group(group);
  AddNumber(command, group, "--threads", flags.threads, "Threads of the network; 0: one per core",
            0, 1024);
  AddNumber(command, group, "--codec-threads", o.codec_threads,
            "Threads for PNG and JPEG; 0: one per core", 0, 1024);
  AddNumber(command, group, "--io-threads", o.io_threads, "Threads for the network's sockets", 1,
            64);
  AddNumber(command, group, "--max-engines", o.engines_max,
            "Engines kept: one per model, scale and patch size in use", 1, 64);
  command.add_flag("--quiet", flags.quiet, "Log no requests")->group(group);
  // For tests of those who call workers; the answers are enlarged pixels.
  command.add_option("--simulate-ms-per-frame", flags.simulate_ms_per_frame)
      ->check(CLI::Range(0.0, 3'600'000.0))
      ->group("");
}

void AddCallerFlags(CLI::App& command, WorkerFlags& flags) {
  worker::WorkerOptions& o = flags.options;
  AddAccessFlags(command, o.token_path, o.insecure, o.tls_cert_path, o.tls_key_path);
  command
      .add_option("--caller-header", o.caller_field,
                  "Header in which a trusted proxy names the caller, e.g. X-Real-IP")
      ->type_name("NAME")
      ->group(kAccessGroup);
}

void AddRequestLimits(CLI::App& command, WorkerFlags& flags) {
  worker::WorkerOptions& o = flags.options;
  const char* group = "Limits of a request";
  AddNumber(command, group, "--max-frames", o.frames_max, "Frames", 1, 1024);
  AddNumber(command, group, "--max-body-mb", flags.body_mb_max, "Body, MiB", 0.001, kLargeNumber);
  AddNumber(command, group, "--max-file-mb", flags.file_mb_max, "One file, MiB", 0.001,
            kLargeNumber);
  AddNumber(command, group, "--max-side", o.side_px_max, "Width or height of an input, pixels", 1,
            kFrameSideMax);
  AddNumber(command, group, "--max-mpx", flags.pixels_max,
            "Width x height of an input, million pixels", 0.000001, 1100);
  AddNumber(command, group, "--max-output-mpx", flags.output_pixels_max,
            "Width x height of a result, million pixels", 0.000001, 1100);
  AddNumber(command, group, "--max-decoded-mb", flags.decoded_mb_max, "All inputs decoded, MiB",
            0.001, kLargeNumber);
}

void AddWorkerLimits(CLI::App& command, WorkerFlags& flags) {
  worker::WorkerOptions& o = flags.options;
  const char* group = "Limits of the worker";
  AddNumber(command, group, "--max-queue-frames", o.queue_frames_max,
            "Frames admitted and not yet upscaled; more is refused with 503", 1, 100'000);
  AddNumber(command, group, "--max-queue-mb", flags.queue_mb_max, "Bodies and decoded inputs, MiB",
            0.001, kLargeNumber);
  AddNumber(command, group, "--max-output-mb", flags.output_mb_max,
            "Results not yet sent, MiB; half of it for one caller", 0.001, kLargeNumber);
  AddNumber(command, group, "--max-caller-frames", o.caller_frames_max,
            "Frames of one caller in the queue; more is refused with 429; 0: no own limit", 0,
            100'000);
  AddNumber(command, group, "--drain-timeout", flags.drain_s,
            "After SIGTERM, time for the accepted requests", 0, 86'400, "S");
}

void AddConnectionLimits(CLI::App& command, WorkerFlags& flags) {
  http::Limits& h = flags.options.http;
  const char* group = "Limits of connections";
  AddNumber(command, group, "--max-connections", h.connections_max, "Open at a time", 1, 100'000);
  AddNumber(command, group, "--max-connections-per-address", h.connections_per_address_max,
            "Open at a time from one IPv4 address or IPv6 /64", 1, 100'000);
  AddNumber(command, group, "--max-requests-per-connection", h.requests_per_connection_max,
            "Then it is closed", 1, 1e9);
  AddNumber(command, group, "--max-header-kb", flags.header_kb_max, "Request line and fields, KiB",
            0.25, 1024);
  AddNumber(command, group, "--max-header-fields", h.header_fields_max, "Fields of a request", 4,
            10'000);
  AddNumber(command, group, "--header-timeout", flags.header_s, "For a whole request head", 0.05,
            3600, "S");
  AddNumber(command, group, "--idle-timeout", flags.idle_s, "Between two requests", 0.05, 86'400,
            "S");
  AddNumber(command, group, "--request-timeout", flags.request_s,
            "From the head to the answer's last byte", 0.05, 86'400, "S");
  AddNumber(command, group, "--min-rate", h.rate_bytes_per_s_min,
            "Least bytes per second of a body or an answer", 0, 1e9);
  AddNumber(command, group, "--rate-window", flags.rate_window_s,
            "Over which --min-rate is measured", 0.05, 3600, "S");
}

uint64_t Bytes(double mebibytes) { return static_cast<uint64_t>(mebibytes * kMebibyte); }

}  // namespace

void AddWorkerFlags(CLI::App& command, WorkerFlags& flags) {
  AddServingFlags(command, flags);
  AddCallerFlags(command, flags);
  AddRequestLimits(command, flags);
  AddWorkerLimits(command, flags);
  AddConnectionLimits(command, flags);
}

worker::WorkerOptions WorkerOptionsOf(const WorkerFlags& flags) {
  worker::WorkerOptions options = flags.options;
  options.batch_delay_max =
      std::chrono::microseconds(static_cast<int64_t>(flags.batch_delay_ms * 1000));
  options.body_bytes_max = Bytes(flags.body_mb_max);
  options.part_bytes_max = Bytes(flags.file_mb_max);
  options.pixels_max = static_cast<int64_t>(flags.pixels_max * 1e6);
  options.output_pixels_max = static_cast<int64_t>(flags.output_pixels_max * 1e6);
  options.decoded_bytes_max = Bytes(flags.decoded_mb_max);
  options.queue_bytes_max = Bytes(flags.queue_mb_max);
  options.output_bytes_max = Bytes(flags.output_mb_max);
  options.drain_timeout = Milliseconds(flags.drain_s);
  options.http.header_deadline = Milliseconds(flags.header_s);
  options.http.idle_timeout = Milliseconds(flags.idle_s);
  options.http.request_timeout = Milliseconds(flags.request_s);
  options.http.rate_window = Milliseconds(flags.rate_window_s);
  options.http.header_bytes_max = static_cast<size_t>(flags.header_kb_max * 1024);
  return options;
}

Result<std::shared_ptr<worker::UpscalerProvider>> WorkerProviderOf(const WorkerFlags& flags) {
  if (flags.simulate_ms_per_frame >= 0) {
    return worker::MakeSimulatedProvider(
        std::chrono::microseconds(static_cast<int64_t>(flags.simulate_ms_per_frame * 1000)));
  }
  worker::EngineProviderOptions options;
  options.models_dir = flags.models_dir;
  options.batch_frames = flags.options.batch_frames;
  options.threads = flags.threads;
  OCTO_ASSIGN_OR_RETURN(options.precision, ParsePrecision(flags.precision));
  return worker::MakeEngineProvider(options);
}

}  // namespace octoscale
