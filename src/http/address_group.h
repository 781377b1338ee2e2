// Which addresses count as one peer.
#pragma once

#include <string>

namespace octoscale::http {

// The group of a numeric address: an IPv4 address is one of its own, also when it is mapped into
// IPv6; an IPv6 address belongs to its /64, the least that one subscriber has ("2001:db8::/64").
// Other text is returned as it is.
std::string AddressGroup(const std::string& address);

}  // namespace octoscale::http
