// An upscaler that repeats pixels and takes a fixed time per frame: for tests, and to show how a
// coordinator scales with workers that one machine could never run.
#pragma once

#include <chrono>
#include <memory>

#include "worker/upscaler_provider.h"

namespace octoscale::worker {

// Serves "simulated" with scales 1 to 4, also under the names of the real models.
std::shared_ptr<UpscalerProvider> MakeSimulatedProvider(std::chrono::microseconds per_frame);

}  // namespace octoscale::worker
