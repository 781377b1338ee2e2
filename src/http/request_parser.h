// Push parser of HTTP/1.x requests (RFC 9112): bytes in, a checked head and body pieces out. Knows
// no sockets. The grammar of the head is Boost.Beast's; what it lets through and we don't is
// refused here. (Beast's own parser of chunked bodies stops the program when they come in small
// pieces.)
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "http/limits.h"
#include "http/message.h"
#include "http/parse_error.h"

namespace octoscale::http {

// One request. Not thread-safe.
class RequestParser {
 public:
  enum class State { kHead, kBody, kDone };

  explicit RequestParser(const Limits& limits);
  ~RequestParser();
  RequestParser(RequestParser&&) noexcept;
  RequestParser& operator=(RequestParser&&) noexcept;

  // Parses until the head is complete, or, after that, to the end of `bytes` or of the request.
  // Returns how many bytes were used: the caller offers the rest again with more behind it. Body
  // bytes go to `on_body`. After an error the parser is not used again.
  size_t Feed(std::span<const uint8_t> bytes,
              const std::function<void(std::span<const uint8_t>)>& on_body,
              std::optional<ParseError>* error);

  State state() const;
  RequestHead& head();  // valid once state() isn't kHead

  // Bound on a chunked body (a Content-Length above it is the caller's to refuse). To be set before
  // any of the body is parsed.
  void SetBodyLimit(uint64_t bytes_max);

  // Unused bytes of a head that the parser may ask to see again.
  static size_t PendingBytesMax(const Limits& limits) { return limits.header_bytes_max; }

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace octoscale::http
