// Push parser of multipart/form-data (RFC 7578, RFC 2046): bytes in, parts out, nothing kept but a
// boundary's worth of look-back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace octoscale::http {

struct MultipartLimits {
  size_t parts_max = 256;
  size_t part_header_bytes_max = 8 * 1024;
  uint64_t part_bytes_max = 64ull << 20;
  size_t preamble_bytes_max = 4096;
};

struct PartHead {
  std::string name;                     // of the form field
  std::optional<std::string> filename;  // as sent: untrusted
  std::string content_type;             // empty when not given
};

// The boundary of a Content-Type value. InvalidArgument when the type is not multipart/form-data
// or the boundary is missing, longer than 70 or holds characters that RFC 2046 forbids.
Result<std::string> MultipartBoundary(std::string_view content_type);

// Not thread-safe. After an error it is not used again.
class MultipartParser {
 public:
  // A callback that returns an error stops the parser, which hands the error on.
  struct Callbacks {
    std::function<Status(PartHead)> on_part;
    std::function<Status(std::span<const uint8_t>)> on_data;
    std::function<Status()> on_part_end;
  };

  MultipartParser(std::string boundary, MultipartLimits limits, Callbacks callbacks);

  // Errors: CorruptInput (breaks the format), ResourceExhausted (over a limit; says which).
  Status Feed(std::span<const uint8_t> bytes);
  // CorruptInput unless the closing boundary was seen.
  Status Finish() const;

 private:
  enum class State { kPreamble, kAfterBoundary, kHeaders, kData, kEpilogue };

  // Each consumes from the front of `pending_`; false: more bytes are needed.
  Result<bool> Step();
  Result<bool> StepPreamble();
  Result<bool> StepAfterBoundary();
  Result<bool> StepHeaders();
  Result<bool> StepData();
  Status Deliver(size_t size);
  void Consume(size_t size) { start_ += size; }
  std::string_view pending() const { return std::string_view(buffer_).substr(start_); }

  const std::string delimiter_;  // CRLF "--" boundary
  const MultipartLimits limits_;
  const Callbacks callbacks_;
  State state_ = State::kPreamble;
  std::string buffer_;
  size_t start_ = 0;  // bytes of buffer_ that are used up
  size_t preamble_bytes_ = 0;
  size_t parts_ = 0;
  uint64_t part_bytes_ = 0;
};

// Parses the header lines of one part, each ended by CRLF. Exposed for tests.
Result<PartHead> ParsePartHead(std::string_view lines);

}  // namespace octoscale::http
