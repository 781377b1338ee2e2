// Bounds on everything a peer can make the server hold or wait for.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace octoscale::http {

struct Limits {
  size_t target_bytes_max = 8 * 1024;
  size_t header_bytes_max = 32 * 1024;  // request line and all fields together
  int header_fields_max = 100;
  uint64_t body_bytes_max = 256ull << 20;   // a route may ask for less
  size_t chunk_line_bytes_max = 256;        // one chunk-size line with its extensions
  size_t chunk_extension_bytes_max = 4096;  // of all chunks of one body

  std::chrono::milliseconds header_deadline{10'000};   // from the first byte (or the connection)
  std::chrono::milliseconds idle_timeout{75'000};      // between two requests
  std::chrono::milliseconds request_timeout{600'000};  // from the head to the last byte sent
  // Bodies in and answers out: at least rate x window bytes in every window.
  uint64_t rate_bytes_per_s_min = 1024;
  std::chrono::milliseconds rate_window{10'000};

  int connections_max = 1024;
  int connections_per_address_max = 256;  // IPv6: per /64
  int requests_per_connection_max = 100'000;

  // After an early answer the rest of a body is read and dropped so that the peer sees the answer.
  uint64_t drain_bytes_max = 256 * 1024;    // to keep the connection
  uint64_t linger_bytes_max = 64ull << 20;  // before it is closed
  std::chrono::milliseconds linger_timeout{5'000};
};

}  // namespace octoscale::http
