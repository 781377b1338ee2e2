// Addresses of workers as users write them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace octoscale::coordinator {

constexpr int kWorkersMax = 256;

// "http://HOST:PORT", "https://HOST:PORT/prefix", "HOST:PORT" (http) in one form: lower-case scheme
// and host, addresses as four numbers ("0x7f.1" becomes "127.0.0.1"), the port always there (80 or
// 443 when left out), no '/' at the end.
// InvalidArgument, naming the text: another scheme, no host, a port out of range, a query or a
// fragment; without quoting it: a user name or password.
Result<std::string> NormaliseWorkerUrl(std::string_view text);

// "URL,URL,...", 1 to kWorkersMax of them; blanks around them are dropped. InvalidArgument for an
// empty entry and for two that mean the same worker.
Result<std::vector<std::string>> ParseWorkerList(std::string_view text);

}  // namespace octoscale::coordinator
