// An HTTP/1.1 client for one thread with many requests at a time over kept connections (libcurl).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/block_cache.h"
#include "base/status.h"
#include "http/message.h"

namespace octoscale::http {

struct ClientOptions {
  std::string ca_path;       // PEM file of trusted certificates; empty: the system's
  int connections_max = 64;  // kept open while unused
};

struct ClientRequest {
  std::string url;              // http:// or https://
  std::vector<Field> fields;    // beside Host, Content-Length and Connection
  bool post = false;            // else GET
  std::vector<BodyPiece> body;  // sent one after the other; with `post` only
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds timeout{60'000};  // from Start() to the last byte of the answer
  uint64_t answer_bytes_max = 64 * 1024;      // of a 200's body; other answers: 64 KiB
};

enum class ClientFailure {
  kNone,     // a whole answer came, whatever its status
  kResolve,  // the host's name is unknown
  kConnect,  // nobody took the connection, or it broke before TLS was agreed
  kTls,      // the peer's certificate is not trusted, or those to trust can't be used
  kTimeout,
  kBroken,    // the connection ended before the whole answer was here
  kTooLarge,  // the answer is longer than answer_bytes_max
  kProtocol,  // the peer doesn't speak HTTP/1.1, or no TLS where it should
};

struct ClientAnswer {
  ClientFailure failure = ClientFailure::kNone;
  std::string error;  // of a failure, for people
  int status = 0;
  std::vector<Field> fields;
  ByteBuffer body;

  // Value of the first field of this name, or empty.
  std::string_view Header(std::string_view name) const;
};

// All members but Wake() belong to one thread. Redirects and proxies are not followed. TLS is 1.2
// or later, with the certificate and the host's name checked.
class Client {
 public:
  using RequestId = uint64_t;
  // Called inside Poll().
  using Done = std::function<void(ClientAnswer answer)>;

  // Errors: InvalidArgument (the file of certificates can't be read), Internal.
  static Result<std::unique_ptr<Client>> Create(const ClientOptions& options);
  // Drops what is unfinished, without calling its `done`.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  RequestId Start(ClientRequest request, Done done);
  // `done` isn't called any more; the connection closes, so that the peer notices. Unknown ids are
  // ignored. May be called from a `done`.
  void Cancel(RequestId id);
  // Moves bytes for at most `timeout`, or until Wake(), and calls `done` of what has ended.
  void Poll(std::chrono::milliseconds timeout);
  // Ends the current or the next Poll(). From any thread.
  void Wake();

 private:
  class Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace octoscale::http
