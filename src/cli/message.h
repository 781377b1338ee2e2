// Messages for people, on stderr, one line each.
#pragma once

#include <string_view>

#include "base/status.h"

namespace octoscale {

// "octoscale: error: ..." and so on. Control characters (from file names, say) are shown as '?'.
// Thread-safe.
void PrintError(std::string_view message);
void PrintWarning(std::string_view message);
void PrintInfo(std::string_view message);

// Prints an error's message and returns its exit code.
int ReportFailure(const Status& status);

}  // namespace octoscale
