// Why a request can't be parsed.
#pragma once

#include <string>

namespace octoscale::http {

struct ParseError {
  int status = 400;  // of the answer
  std::string detail;
};

}  // namespace octoscale::http
