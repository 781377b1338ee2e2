#include "http/exchange_log.h"

#include <cstdint>
#include <cstdio>

namespace octoscale::http {
namespace {

std::string Quote(const std::string& text) {
  std::string out = "\"";
  for (const char c : text.substr(0, 200)) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<uint8_t>(c) < 0x20 || static_cast<uint8_t>(c) >= 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof(escaped), "\\x%02x", static_cast<uint8_t>(c));
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace

std::string FormatExchange(const ExchangeRecord& record) {
  char numbers[160];
  std::snprintf(numbers, sizeof(numbers), " status=%d complete=%s ms=%.1f in=%llu out=%llu",
                record.status, record.complete ? "yes" : "no",
                static_cast<double>(record.duration.count()) / 1000,
                static_cast<unsigned long long>(record.bytes_in),
                static_cast<unsigned long long>(record.bytes_out));
  std::string line = "request peer=" + record.peer + " method=" + Quote(record.method) +
                     " target=" + Quote(record.target) + numbers;
  if (!record.traceparent.empty()) line += " traceparent=" + record.traceparent;
  return line;
}

}  // namespace octoscale::http
