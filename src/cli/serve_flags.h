// The options of `octoscale serve`; those that the miner's environment has are read from there too.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "cli/engine_flags.h"
#include "vidaio/service_options.h"

namespace CLI {
class App;
}

namespace octoscale {

// As typed; ServiceOptionsOf() turns them into the service's units.
struct ServeFlags {
  std::string api = "vidaio";
  ServiceOptions options;
  EngineFlags engine;
  bool quiet = false;
  double drain_s = 300;
  double request_s = 3600;

  std::vector<std::string> only_hosts;
  std::vector<std::string> allowed_hosts;
  double download_s = 600;
  double download_mb_max = 2048;
  int64_t download_rate_min = 10 * 1024;
  int64_t rate_window_s = 30;
  std::string ca_path;

  std::string s3_secret_path;
  int64_t presigned_expiry_s = 3600;
  double upload_s = 600;
  int64_t upload_rate_min = 10 * 1024;

  double sweep_s = 300;
  int64_t temp_age_s = 0;     // 0: expiry + 600
  double temp_mb_max = 9000;  // millions of bytes
  std::string deadline;       // empty: none
  std::string late = "run";
  double simulate_ms_per_frame = -1;  // below 0: the real engine
};

void AddServeFlags(CLI::App& command, ServeFlags& flags);

// Errors: InvalidArgument (hosts, engine options), NotFound and IoError (a file that is named).
Result<ServiceOptions> ServiceOptionsOf(const ServeFlags& flags);

}  // namespace octoscale
