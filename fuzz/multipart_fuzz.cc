// The multipart parser on hostile bytes: the first line is the Content-Type, the rest the body. The
// body is fed in pieces of several sizes, which must not change what is found in it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/multipart.h"

namespace {

using octoscale::OkStatus;
using octoscale::Status;
using octoscale::http::MultipartParser;

void Require(bool condition) {
  if (!condition) std::abort();
}

// Everything the parser said, and how it ended.
std::string Parse(const std::string& boundary, std::string_view body, size_t step) {
  std::string seen;
  bool in_part = false;
  octoscale::http::MultipartLimits limits;
  limits.parts_max = 16;
  limits.part_bytes_max = 4096;
  limits.part_header_bytes_max = 512;
  MultipartParser parser(boundary, limits,
                         {[&](octoscale::http::PartHead head) {
                            Require(!in_part);
                            in_part = true;
                            seen += "[" + head.name + "|" + head.filename.value_or("") + "|";
                            return OkStatus();
                          },
                          [&](std::span<const uint8_t> bytes) {
                            Require(in_part && !bytes.empty());
                            seen.append(bytes.begin(), bytes.end());
                            return OkStatus();
                          },
                          [&] {
                            Require(in_part);
                            in_part = false;
                            seen += "]";
                            return OkStatus();
                          }});
  Status status;
  for (size_t at = 0; at < body.size() && status.ok(); at += step) {
    const std::string_view piece = body.substr(at, step);
    status = parser.Feed({reinterpret_cast<const uint8_t*>(piece.data()), piece.size()});
  }
  if (status.ok()) status = parser.Finish();
  // How much data of a part came out before an error depends on the pieces; the rest doesn't.
  return status.ok() ? seen : "error";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t line = input.find('\n');
  const auto boundary = octoscale::http::MultipartBoundary(input.substr(0, line));
  const std::string_view body =
      line == std::string_view::npos ? std::string_view() : input.substr(line + 1);
  const std::string used = boundary.ok() ? *boundary : "b";
  Require(!used.empty() && used.size() <= 70);
  const std::string whole = Parse(used, body, body.size() + 1);
  for (const size_t step : {1, 2, 7, 61}) {
    const std::string pieces = Parse(used, body, step);
    Require((pieces == "error") == (whole == "error"));
    if (whole != "error") Require(pieces == whole);
  }
  return 0;
}
