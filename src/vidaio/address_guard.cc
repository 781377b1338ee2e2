#include "vidaio/address_guard.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/ascii.h"

namespace octoscale {
namespace {

struct Range4 {
  uint32_t first;
  int bits;
  std::string_view kind;
};

constexpr uint32_t Ip4(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

constexpr std::array kRanges4 = {
    Range4{Ip4(0, 0, 0, 0), 8, "\"this network\""},
    Range4{Ip4(10, 0, 0, 0), 8, "private"},
    Range4{Ip4(100, 64, 0, 0), 10, "carrier-grade NAT"},
    Range4{Ip4(127, 0, 0, 0), 8, "loopback"},
    Range4{Ip4(168, 63, 129, 16), 32, "cloud metadata"},
    Range4{Ip4(169, 254, 0, 0), 16, "link-local"},
    Range4{Ip4(172, 16, 0, 0), 12, "private"},
    Range4{Ip4(192, 0, 0, 0), 24, "reserved"},
    Range4{Ip4(192, 0, 2, 0), 24, "documentation"},
    Range4{Ip4(192, 88, 99, 0), 24, "reserved"},
    Range4{Ip4(192, 168, 0, 0), 16, "private"},
    Range4{Ip4(198, 18, 0, 0), 15, "benchmarking"},
    Range4{Ip4(198, 51, 100, 0), 24, "documentation"},
    Range4{Ip4(203, 0, 113, 0), 24, "documentation"},
    Range4{Ip4(224, 0, 0, 0), 4, "multicast"},
    Range4{Ip4(240, 0, 0, 0), 4, "reserved"},
};

std::string_view Kind4(uint32_t address) {
  for (const Range4& range : kRanges4) {
    if ((address ^ range.first) >> (32 - range.bits) == 0) return range.kind;
  }
  return {};
}

using Bytes16 = std::array<uint8_t, 16>;

uint32_t Embedded4(const Bytes16& bytes, size_t at) {
  return Ip4(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
}

// Whether the first bytes are these.
bool Begins(const Bytes16& bytes, std::initializer_list<int> prefix) {
  return std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

std::string_view Kind6(const Bytes16& bytes) {
  if (Begins(bytes, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})) {
    return Kind4(Embedded4(bytes, 12));
  }
  if (Begins(bytes, {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) {  // NAT64
    return Kind4(Embedded4(bytes, 12));
  }
  if (Begins(bytes, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) && bytes[15] == 1) {
    return "loopback";
  }
  if ((bytes[0] & 0xfe) == 0xfc) return "unique local";
  if (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) return "link-local";
  if (bytes[0] == 0xff) return "multicast";
  if ((bytes[0] & 0xe0) != 0x20) return "reserved";                    // outside 2000::/3
  if (Begins(bytes, {0x20, 0x02})) return Kind4(Embedded4(bytes, 2));  // 6to4
  if (Begins(bytes, {0x20, 0x01}) && bytes[2] < 2) return "reserved";  // 2001::/23, Teredo in it
  if (Begins(bytes, {0x20, 0x01, 0x0d, 0xb8})) return "documentation";
  if (Begins(bytes, {0x3f, 0xff}) && bytes[2] < 0x10) return "documentation";
  return {};
}

}  // namespace

std::string_view SpecialAddressKind(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in in4;
    std::memcpy(&in4, address, sizeof(in4));
    return Kind4(ntohl(in4.sin_addr.s_addr));
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 in6;
    std::memcpy(&in6, address, sizeof(in6));
    Bytes16 bytes;
    std::memcpy(bytes.data(), &in6.sin6_addr, bytes.size());
    return Kind6(bytes);
  }
  return "not an Internet";
}

std::string AddressText(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = {};
  if (address->sa_family == AF_INET) {
    sockaddr_in in4;
    std::memcpy(&in4, address, sizeof(in4));
    inet_ntop(AF_INET, &in4.sin_addr, text, sizeof(text));
  } else if (address->sa_family == AF_INET6) {
    sockaddr_in6 in6;
    std::memcpy(&in6, address, sizeof(in6));
    inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof(text));
  }
  return text;
}

bool HostRule::Matches(std::string_view lower_host, uint16_t wanted_port) const {
  if (port != 0 && port != wanted_port) return false;
  if (!subdomains) return lower_host == host;
  return lower_host.size() > host.size() + 1 && lower_host.ends_with(host) &&
         lower_host[lower_host.size() - host.size() - 1] == '.';
}

Result<HostRule> ParseHostRule(std::string_view text) {
  const Status bad =
      InvalidArgument("host \"" + std::string(text) + "\": expected HOST, HOST:PORT or *.DOMAIN");
  HostRule rule;
  std::string_view host = text;
  const size_t bracket = host.find(']');
  const size_t colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    const std::string_view port = host.substr(colon + 1);
    const auto parsed = std::from_chars(port.data(), port.data() + port.size(), rule.port);
    if (parsed.ec != std::errc() || parsed.ptr != port.data() + port.size() || rule.port == 0) {
      return bad;
    }
    host = host.substr(0, colon);
  }
  if (host.starts_with("*.")) {
    rule.subdomains = true;
    host.remove_prefix(2);
  }
  if (host.empty() || host.find_first_of("*/@ ?#") != std::string_view::npos) return bad;
  rule.host = AsciiLower(host);
  return rule;
}

bool AnyMatches(const std::vector<HostRule>& rules, std::string_view lower_host, uint16_t port) {
  return std::any_of(rules.begin(), rules.end(),
                     [&](const HostRule& rule) { return rule.Matches(lower_host, port); });
}

}  // namespace octoscale
