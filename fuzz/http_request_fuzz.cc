// The request parser on hostile bytes, fed in pieces of several sizes, which must not change what
// is found; heads that get through keep the promises of message.h.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/request_parser.h"

namespace {

using octoscale::http::Limits;
using octoscale::http::ParseError;
using octoscale::http::RequestHead;
using octoscale::http::RequestParser;

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckHead(const RequestHead& head, const Limits& limits) {
  Require(!head.method.empty());
  Require(!head.path.empty() && head.path[0] == '/');
  Require(head.path.find('\0') == std::string::npos);
  Require(!(head.chunked && head.content_length));
  Require(head.version == 10 || head.version == 11);
  Require(!head.chunked || head.version == 11);
  Require(static_cast<int>(head.fields.size()) <= limits.header_fields_max);
  size_t bytes = head.method.size() + head.target.size();
  for (const auto& field : head.fields) {
    bytes += field.name.size() + field.value.size();
    Require(!field.name.empty());
    Require(field.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
  }
  Require(bytes <= limits.header_bytes_max);
}

// A connection in small: what was parsed, as text, or "error".
std::string Parse(std::string_view input, size_t step, const Limits& limits) {
  RequestParser parser(limits);
  std::string seen;
  std::string pending;
  std::optional<ParseError> error;
  bool checked = false;
  for (size_t at = 0; at < input.size() && parser.state() != RequestParser::State::kDone;) {
    pending += input.substr(at, step);
    at += std::min(step, input.size() - at);
    for (bool again = true; again;) {
      const size_t used = parser.Feed(
          {reinterpret_cast<const uint8_t*>(pending.data()), pending.size()},
          [&](std::span<const uint8_t> bytes) { seen.append(bytes.begin(), bytes.end()); }, &error);
      if (error) {
        Require(error->status >= 400 && error->status < 600 && !error->detail.empty());
        return "error";
      }
      Require(used <= pending.size());
      pending.erase(0, used);
      again = !checked && parser.state() != RequestParser::State::kHead;
      if (again) {
        checked = true;
        CheckHead(parser.head(), limits);
        parser.SetBodyLimit(1000);
        seen += parser.head().method + " " + parser.head().path + "\n";
        again = parser.state() != RequestParser::State::kDone;
      }
    }
    Require(pending.size() <= RequestParser::PendingBytesMax(limits) + step);
  }
  return seen + (parser.state() == RequestParser::State::kDone ? "." : "...");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  Limits limits;
  limits.header_bytes_max = 600;
  limits.header_fields_max = 12;
  limits.target_bytes_max = 200;
  limits.chunk_line_bytes_max = 40;
  limits.chunk_extension_bytes_max = 60;
  const std::string whole = Parse(input, size + 1, limits);
  for (const size_t step : {1, 3, 50}) {
    const std::string pieces = Parse(input, step, limits);
    // Limits on unfinished lines may be noticed earlier in small pieces; otherwise nothing differs.
    if (whole != "error" && pieces != "error") Require(pieces == whole);
  }
  return 0;
}
