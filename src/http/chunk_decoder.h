// Push decoder of the chunked transfer coding (RFC 9112, 7.1). Strict: CRLF only, bounded lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "http/limits.h"
#include "http/parse_error.h"

namespace octoscale::http {

// One body. Not thread-safe. After an error it is not used again.
class ChunkDecoder {
 public:
  ChunkDecoder(const Limits& limits, uint64_t body_bytes_max)
      : limits_(limits), body_left_(body_bytes_max) {}

  // Decodes up to the end of `bytes` or of the body; content goes to `on_body`. Returns how many
  // bytes were used: all of them unless the body ended. Extensions and trailer fields are dropped.
  size_t Feed(std::span<const uint8_t> bytes,
              const std::function<void(std::span<const uint8_t>)>& on_body,
              std::optional<ParseError>* error);

  bool done() const { return state_ == State::kDone; }

 private:
  enum class State { kSizeLine, kData, kDataEnd, kTrailer, kDone };

  // Takes one byte of a line; true when the line is complete in line_, without its CRLF.
  bool TakeLineByte(uint8_t byte, size_t bytes_max, std::optional<ParseError>* error);
  std::optional<ParseError> OnLine();
  std::optional<ParseError> OnSizeLine();

  const Limits limits_;
  uint64_t body_left_;  // the bound on all chunks to come
  State state_ = State::kSizeLine;
  std::string line_;
  uint64_t chunk_left_ = 0;
  size_t extension_bytes_ = 0;
  size_t trailer_bytes_ = 0;
};

}  // namespace octoscale::http
