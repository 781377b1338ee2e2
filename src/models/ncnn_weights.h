// Reads the weights of a matched network from the bytes of an ncnn .bin file.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/network.h"
#include "models/network_matcher.h"

namespace octoscale {

// Sizes in bytes that a .bin file of this network can have: all weights fp16, or all fp32.
struct WeightFileSize {
  uint64_t bytes_min = 0;
  uint64_t bytes_max = 0;
};
WeightFileSize PossibleWeightFileSize(const std::vector<ConvLayout>& convs);

// One ConvWeights per layout, in order. CorruptInput, naming file and layer: a missing or
// unknown tag, too few bytes, bytes left over, a weight that is not finite.
Result<std::vector<ConvWeights>> ReadNcnnWeights(const std::vector<ConvLayout>& convs,
                                                 std::string_view bytes,
                                                 std::string_view file_name);

}  // namespace octoscale
