// Everything about a worker that can be set: one field, one flag of `octoscale worker`.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "http/limits.h"

namespace octoscale::worker {

struct WorkerOptions {
  // What is served.
  std::string model = "realesr-animevideov3";        // when a request names none
  int scale = 2;                                     // when a request names none
  int batch_frames = 8;                              // 1..64; 1 switches batching off
  std::chrono::microseconds batch_delay_max{5'000};  // wait of single frames and tails for others
  int engines_max = 4;    // engines kept, one per model, scale and patch size
  int codec_threads = 0;  // PNG and JPEG; 0: one per core

  // Access.
  std::string listen = "127.0.0.1:8090";
  std::string token_path;  // bearer tokens, one a line
  bool insecure = false;   // another address than loopback without a token
  std::string tls_cert_path;
  std::string tls_key_path;
  std::string caller_field;  // header that names the caller, set by a trusted proxy; empty: none
  int io_threads = 1;

  // Limits of one request.
  int frames_max = 64;
  uint64_t body_bytes_max = 256ull << 20;
  uint64_t part_bytes_max = 64ull << 20;
  int side_px_max = 16384;                       // width or height of an input
  int64_t pixels_max = int64_t{1} << 25;         // width x height of an input
  int64_t output_pixels_max = int64_t{1} << 28;  // width x height of one result
  uint64_t decoded_bytes_max = 1ull << 30;       // all inputs of a request, decoded

  // Limits of the whole worker.
  int queue_frames_max = 128;              // admitted and not yet upscaled
  int caller_frames_max = 0;               // of those, by one caller; 0: no own limit
  uint64_t queue_bytes_max = 2ull << 30;   // bodies and decoded inputs
  uint64_t output_bytes_max = 2ull << 30;  // results not yet sent
  std::chrono::milliseconds drain_timeout{300'000};

  http::Limits http;
};

}  // namespace octoscale::worker
