#include "base/token_file.h"

#include <cerrno>
#include <fstream>

namespace octoscale {

Result<std::vector<std::string>> ReadTokenFile(const std::string& path, size_t tokens_max) {
  constexpr const char* kBlanks = " \t\r";
  errno = 0;
  std::ifstream file(path);
  if (!file) return ErrnoStatus(errno != 0 ? errno : EIO, path + ": can't read the token");
  std::vector<std::string> tokens;
  std::string line;
  while (tokens.size() < tokens_max && std::getline(file, line)) {
    const size_t first = line.find_first_not_of(kBlanks);
    if (first == std::string::npos || line[first] == '#') continue;
    tokens.push_back(line.substr(first, line.find_last_not_of(kBlanks) + 1 - first));
  }
  if (file.bad()) return IoError(path + ": can't read the token");
  return tokens;
}

}  // namespace octoscale
