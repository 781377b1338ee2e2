// One long download or upload that blocks its caller: bodies are streamed, every address is checked
// before it is connected to (libcurl).
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "http/message.h"

namespace octoscale::http {

struct TransferAnswer {
  int status = 0;
  std::vector<Field> fields;
  std::string text;  // start of the body of any answer but a 200, at most 16 KiB

  // Value of the first field of this name, or empty.
  std::string_view Header(std::string_view name) const;
};

struct UploadBody {
  int fd = -1;  // read from its start; stays the caller's
  uint64_t bytes = 0;
};

struct FileTransfer {
  std::string url;                   // http:// or https://
  std::vector<Field> fields;         // beside Host and Content-Length
  std::optional<UploadBody> upload;  // PUT; else GET
  // Once, before the body of a 200. An error ends the transfer.
  std::function<Status(const TransferAnswer& head)> on_head;
  // The body of a 200, piece by piece. An error ends the transfer.
  std::function<Status(std::span<const uint8_t> bytes)> on_body;
  // Asked for each address of the host before a connection to it is opened; the address asked for
  // is the one connected to. An error ends the transfer.
  std::function<Status(const sockaddr* address)> check_address;
  std::string ca_path;  // PEM file of trusted certificates; empty: the system's
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds timeout{600'000};  // for everything
  // Fewer bytes per second than this during a whole window: too slow.
  uint64_t rate_bytes_per_s_min = 1024;
  std::chrono::seconds rate_window{30};
};

// Redirects, proxies and HTTP/2 are not used; each call has a connection of its own. An answer of
// any status is a success here. Errors, without the URL: those of the callbacks, Cancelled,
// DeadlineExceeded (the timeout or the least rate), Unavailable (no such host, nobody answers, the
// connection broke; all may pass), InvalidArgument (TLS certificate, file of certificates),
// ResourceExhausted (no memory).
Result<TransferAnswer> RunTransfer(const FileTransfer& transfer, const CancelToken& cancel);

}  // namespace octoscale::http
