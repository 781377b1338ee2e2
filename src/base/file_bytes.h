// How large a file is.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace octoscale {

// Errors: NotFound, IoError.
Result<int64_t> FileBytes(const std::string& path);

}  // namespace octoscale
