// An HTTP/1.1 server on one address: a few I/O threads, TLS if wanted, limits on everything.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "http/bearer_auth.h"
#include "http/exchange_log.h"
#include "http/limits.h"
#include "http/router.h"

namespace octoscale::http {

struct ServerOptions {
  std::string address = "127.0.0.1";  // numeric IPv4 or IPv6
  uint16_t port = 0;                  // 0: the system chooses a free one
  int io_threads = 1;
  std::string tls_cert_path;  // both or neither; PEM
  std::string tls_key_path;
  BearerAuth auth;
  Limits limits;
  ServerObserver observer;
};

class Server {
 public:
  // Binds and listens; answers nothing until Start(). Errors: InvalidArgument (address,
  // certificate), Unavailable (the port is taken), IoError.
  static Result<std::unique_ptr<Server>> Create(ServerOptions options, Router router);
  // Stops.
  ~Server();

  void Start();
  uint16_t port() const;

  // Idle connections close, others after their current answer. New connections are still accepted,
  // so that a handler can tell them that the server is going down.
  void BeginDrain();
  // True when every request is answered; false when `timeout` passed first.
  bool WaitDrained(std::chrono::milliseconds timeout);
  // Breaks off what is left and joins the threads. Handlers get kStopped.
  void Stop();

  int active_requests() const;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// "HOST:PORT" or "[IPv6]:PORT", the form of --listen.
struct ListenAddress {
  std::string address;
  uint16_t port = 0;
  bool loopback = false;
};
Result<ListenAddress> ParseListenAddress(const std::string& text);

// Address, port and access of a server. Other machines are let in only with one of the tokens in
// the file `token_path` (empty: no tokens), or with `insecure`. Errors: InvalidArgument, and those
// of BearerAuth::FromFile.
Result<ServerOptions> GuardedServerOptions(const std::string& listen, const std::string& token_path,
                                           bool insecure);

}  // namespace octoscale::http
