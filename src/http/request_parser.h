// Push parser of HTTP/1.x requests (RFC 9112): bytes in, a checked head and body pieces out. Knows
// no sockets. The grammar is Boost.Beast's; what it lets through and we don't is refused here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "http/limits.h"
#include "http/message.h"

namespace octoscale::http {

struct ParseError {
  int status = 400;
  std::string detail;
};

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

  // Bound on the body, for the chunks to come (a Content-Length above it is the caller's to
  // refuse).
  void SetBodyLimit(uint64_t bytes_max);

  // Unused bytes that the parser may ask to see again; a full buffer of this size is an error.
  static size_t PendingBytesMax(const Limits& limits) {
    return limits.header_bytes_max + limits.chunk_line_bytes_max;
  }

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace octoscale::http
