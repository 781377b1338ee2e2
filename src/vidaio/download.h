// Fetches a clip that a request names by its URL.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "vidaio/address_guard.h"

namespace octoscale {

struct DownloadOptions {
  std::chrono::milliseconds timeout{600'000};  // for everything, redirects included
  std::chrono::milliseconds connect_timeout{10'000};
  uint64_t bytes_max = uint64_t{2} << 30;
  uint64_t rate_bytes_per_s_min = 10 * 1024;  // over a whole window
  std::chrono::seconds rate_window{30};
  int redirects_max = 5;
  std::string ca_path;                  // PEM; empty: the system's
  std::vector<HostRule> only_hosts;     // empty: every host with public addresses
  std::vector<HostRule> allowed_hosts;  // whose addresses may be private
};

// Writes what `url` gives to `path`, which appears only when it is complete and starts like a video
// (CheckVideoContainer). Every URL, redirects' too, must be http(s), match only_hosts, and lead
// to a public address unless allowed_hosts has it. Messages hold no query of a URL.
// Errors: InvalidArgument (URL, host or address that is refused), NotFound (404, 410), Unavailable
// (other answers; network), DeadlineExceeded (too slow), ResourceExhausted (larger than bytes_max
// or than the free space), CorruptInput (empty, or no video), Cancelled, IoError.
Status Download(const std::string& url, const std::string& path, const DownloadOptions& options,
                const CancelToken& cancel);

}  // namespace octoscale
