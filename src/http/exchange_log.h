// What the server reports about each finished exchange and each connection it turned away.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace octoscale::http {

struct ExchangeRecord {
  std::string method;
  std::string target;  // as sent: untrusted, escape before printing
  std::string route;   // the route's pattern; empty when none matched
  std::string peer;
  std::string traceparent;  // W3C trace context, empty or well-formed
  int status = 0;           // 0: the peer left before an answer
  bool complete = false;    // the whole answer went out
  uint64_t bytes_in = 0;    // of the body
  uint64_t bytes_out = 0;   // of the whole answer
  std::chrono::microseconds duration{0};
};

struct ServerObserver {
  std::function<void(const ExchangeRecord&)> on_exchange;  // called on an I/O thread
  std::function<void(const char* reason)> on_refused;      // a connection over a cap
};

// One line for a log: key=value pairs, values from outside quoted and escaped.
std::string FormatExchange(const ExchangeRecord& record);

}  // namespace octoscale::http
