// What this process has used of the machine.
#pragma once

namespace octoscale {

// Seconds of processor time so far, user and system: of all threads, and of the calling thread.
double ProcessCpuSeconds();
double ThreadCpuSeconds();

// Resident memory now, and the most so far, in MiB.
double RssMib();
double PeakRssMib();

}  // namespace octoscale
