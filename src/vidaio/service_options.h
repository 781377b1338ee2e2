// What the miner's service can be told.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "http/limits.h"
#include "vidaio/clip_job.h"
#include "vidaio/clip_limits.h"
#include "vidaio/download.h"
#include "vidaio/s3_client.h"

namespace octoscale {

struct TempFileRules {
  std::chrono::milliseconds interval{300'000};
  std::chrono::seconds age_max{4'200};  // the presigned URLs' expiry and 600 s
  uint64_t bytes_max = 9'000'000'000;   // soft: active files count, but stay
  std::chrono::seconds age_min{60};     // younger files stay even above bytes_max
};

struct ServiceOptions {
  std::string listen = "127.0.0.1:8003";
  std::string older_listen = "127.0.0.1:29115";  // "none": no second address
  bool older_listen_required = false;            // else a taken port there is only a warning
  std::string token_path;                        // file of bearer tokens
  bool insecure = false;                         // public address without a token
  std::string tls_cert_path;
  std::string tls_key_path;
  http::Limits http;

  int concurrent_max = 2;        // tasks at a time
  int queue_max = 5;             // tasks that wait
  bool remote_disabled = false;  // no URLs; output_paths may be given
  std::string shared_volume = "/tmp/organic-proxy";
  std::string state_dir;
  DownloadOptions download;
  S3Options s3;
  TempFileRules temp;
  std::chrono::seconds jobs_kept{604'800};  // finished tasks can be asked for
  int attempts_max = 3;                     // a clip that ended the process so often has failed

  ClipJob clip;  // engine and encoder; its input, output, task and deadline are set for each clip
  ClipLimits clip_limits;
  double deadline_seconds = 0;  // of a task, from its acceptance; 0: none
  bool check_answers = false;   // CheckAnswer() on every result
};

}  // namespace octoscale
