// SIGINT, SIGTERM and SIGHUP: the first one asks for a graceful stop, the second ends the process.
#pragma once

#include "base/cancel.h"

namespace octoscale {

// Installs the handlers on first use and returns the token that they cancel. A second signal ends
// the process at once with exit code 130; temporary files stay behind then.
const CancelToken& InterruptToken();

}  // namespace octoscale
