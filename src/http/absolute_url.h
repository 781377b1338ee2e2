// Whole URLs (RFC 3986) as libcurl understands them, so that what was checked is what is fetched.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace octoscale::http {

struct AbsoluteUrl {
  std::string text;    // normalised, without a fragment
  std::string scheme;  // "http" or "https"
  std::string host;    // lower case; "0x7f.1" has become "127.0.0.1"; IPv6 in brackets
  uint16_t port = 0;
  std::string path;  // as written (percent-encoded), starts with '/'

  // host, and the port where it is not the scheme's own: the value of a Host field.
  std::string HostField() const;
  // Without the query, which often holds a signature: for messages and logs.
  std::string ForPeople() const;
};

// InvalidArgument (which never quotes the query): no URL, another scheme than http and https, a
// user name or password in it, longer than 8 KiB.
Result<AbsoluteUrl> ParseAbsoluteUrl(const std::string& text);

// Where a Location field leads that was answered for `base`. Errors as above.
Result<AbsoluteUrl> ResolveLocation(const AbsoluteUrl& base, const std::string& location);

// `text` up to its '?' or '#'.
std::string_view BeforeQuery(std::string_view text);

// The same for people: at most 200 bytes.
std::string WithoutQuery(std::string_view text);

}  // namespace octoscale::http
