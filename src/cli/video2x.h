// The video2x command: arguments in, exit code out.
#pragma once

namespace octoscale {

// Everything goes to stdout. Returns 0 done, 1 failed, 2 aborted, 255 bad arguments.
int RunVideo2x(int argc, char** argv);

}  // namespace octoscale
