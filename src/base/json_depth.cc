#include "base/json_depth.h"

namespace octoscale {

bool NestsTooDeep(std::string_view json, int depth_max) {
  int depth = 0;
  for (const char c : json) {
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (depth > depth_max) return true;
  }
  return false;
}

}  // namespace octoscale
