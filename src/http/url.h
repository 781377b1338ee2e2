// Request targets (RFC 3986): percent-decoding and query pairs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "http/message.h"

namespace octoscale::http {

struct Target {
  std::string path;          // decoded, starts with '/', holds no NUL
  std::vector<Field> query;  // decoded, '+' read as a space, at most 64 pairs
};

// Origin form ("/path?query") and absolute form ("http://host/path?query"); anything else, broken
// escapes and an encoded NUL in the path are InvalidArgument.
Result<Target> ParseTarget(std::string_view target);

}  // namespace octoscale::http
