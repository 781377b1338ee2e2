// The option table of video2x and its parsing. -h is the height there, one -e takes several values,
// and `--opt value` and `--opt=value` are the same.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace octoscale {

enum class Video2xArity { kFlag, kValue, kValues };

struct Video2xOption {
  const char* name;  // without dashes
  char letter;       // 0: none
  Video2xArity arity;
  const char* group;  // heading in the help
  const char* help;
};

std::span<const Video2xOption> Video2xOptions();

// Values by option name; a flag has none. Only options that were given.
using Video2xValues = std::map<std::string, std::vector<std::string>, std::less<>>;

// `arguments`: without the program's name. An option may be cut short as long as it is the only one
// that begins so. Errors: InvalidArgument (unknown or ambiguous option, a value too many or too
// few, an option given twice).
Result<Video2xValues> ParseVideo2xOptions(std::span<const std::string> arguments);

std::string Video2xHelp();

}  // namespace octoscale
