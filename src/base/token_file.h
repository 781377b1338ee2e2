// Files of bearer tokens: what servers accept, and what clients send.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace octoscale {

// One token a line, without the blanks around it; blank lines and lines that start with '#' are
// skipped. At most `tokens_max` are read. Tokens are not checked. Errors: NotFound, IoError, naming
// the file.
Result<std::vector<std::string>> ReadTokenFile(const std::string& path, size_t tokens_max);

}  // namespace octoscale
