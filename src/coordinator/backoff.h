// How long to wait before a batch is sent again, or a worker is asked again.
#pragma once

#include <chrono>

namespace octoscale::coordinator {

// Uniform in [0, most], or 0 when `most` is negative: retries of many batches must not come in step
// ("full jitter"; Brooker, "Exponential Backoff And Jitter", 2015). Thread-safe.
std::chrono::nanoseconds FullJitter(std::chrono::nanoseconds most);

// The longest wait after that many failures of a batch, 1 or more: it doubles with each, from 0.1 s
// to 1.6 s.
std::chrono::nanoseconds RetryDelayMax(int failures);

// Before a worker that went down is asked again, after `downs` earlier ones in a row: from half of
// a time to all of it, which doubles from 0.25 s to 4 s.
std::chrono::nanoseconds ProbeDelay(int downs);

}  // namespace octoscale::coordinator
