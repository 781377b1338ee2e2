// A bound on how deep JSON from outside may nest: parsers recurse into it.
#pragma once

#include <string_view>

namespace octoscale {

// True when `json` has more than `depth_max` brackets open at once. Those inside of strings count
// too.
bool NestsTooDeep(std::string_view json, int depth_max = 32);

}  // namespace octoscale
