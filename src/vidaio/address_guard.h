// Which addresses a download may connect to: public ones, so that no URL from a request reaches
// this machine, its network or a cloud's metadata service.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace octoscale {

// Empty for a public unicast address, else what it is: "loopback", "private", "link-local", ...
// IPv4 inside IPv6 (mapped, 6to4, NAT64) is judged as IPv4. Source: IANA's special-purpose address
// registries (RFC 6890), and 168.63.129.16, a cloud's service inside the public range.
std::string_view SpecialAddressKind(const sockaddr* address);

// "127.0.0.1", "::1"; empty for other families.
std::string AddressText(const sockaddr* address);

// "HOST", "HOST:PORT" or "*.DOMAIN" (DOMAIN's sub-domains), compared without case.
struct HostRule {
  std::string host;
  uint16_t port = 0;  // 0: any
  bool subdomains = false;

  bool Matches(std::string_view lower_host, uint16_t wanted_port) const;
};
// InvalidArgument for anything else.
Result<HostRule> ParseHostRule(std::string_view text);

bool AnyMatches(const std::vector<HostRule>& rules, std::string_view lower_host, uint16_t port);

}  // namespace octoscale
