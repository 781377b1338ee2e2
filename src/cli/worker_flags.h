// The options of `octoscale worker`: every field of WorkerOptions has one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "worker/options.h"
#include "worker/upscaler_provider.h"

namespace CLI {
class App;
}

namespace octoscale {

// As typed: megabytes, milliseconds and seconds are turned into the options' units afterwards.
struct WorkerFlags {
  worker::WorkerOptions options;
  std::string models_dir;
  std::string precision = "auto";
  int threads = 0;
  double simulate_ms_per_frame = -1;  // below 0: the real engine
  bool quiet = false;

  double batch_delay_ms = 5;
  double body_mb_max = 256;
  double file_mb_max = 64;
  double pixels_max = 33.554432;  // millions
  double output_pixels_max = 268.435456;
  double decoded_mb_max = 1024;
  double queue_mb_max = 2048;
  double output_mb_max = 2048;
  double drain_s = 300;
  double header_s = 10;
  double idle_s = 75;
  double request_s = 600;
  double rate_window_s = 10;
  double header_kb_max = 32;
};

void AddWorkerFlags(CLI::App& command, WorkerFlags& flags);

worker::WorkerOptions WorkerOptionsOf(const WorkerFlags& flags);

// The engine with the installed models, or the simulated one.
Result<std::shared_ptr<worker::UpscalerProvider>> WorkerProviderOf(const WorkerFlags& flags);

}  // namespace octoscale
