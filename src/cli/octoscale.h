// The octoscale command: arguments in, exit code out.
#pragma once

namespace octoscale {

// Results go to stdout, messages to stderr. Returns 0 done, 1 failed, 2 wrong usage,
// 130 interrupted.
int RunOctoscale(int argc, char** argv);

}  // namespace octoscale
