// SIGINT, SIGTERM and SIGHUP: the first one asks for a graceful stop, the second ends the process.
#pragma once

#include "base/cancel.h"

namespace octoscale {

// Installs the handlers on first use and returns the token that they cancel. A second signal ends
// the process at once with exit code 130 (or that of SetForcedExit()); temporary files stay behind
// then.
const CancelToken& InterruptToken();

// What a second signal does before it ends the process, and with which exit code. `hook` may call
// async-signal-safe functions only. Null: nothing.
void SetForcedExit(int exit_code, void (*hook)());

}  // namespace octoscale
