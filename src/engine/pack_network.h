// Packs a network's weights for one precision and CPU level.
#pragma once

#include "base/cpu.h"
#include "base/status.h"
#include "engine/engine.h"
#include "engine/network.h"
#include "engine/session.h"

namespace octoscale {

// precision must not be kAuto. Errors: InvalidArgument for weights that are not finite or do not
// fit the network, naming the convolution.
Result<PackedNetwork> PackNetwork(const NetworkWeights& weights, Precision precision,
                                  CpuLevel level);

}  // namespace octoscale
