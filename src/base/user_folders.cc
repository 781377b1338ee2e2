#include "base/user_folders.h"

#include <cstdlib>

namespace octoscale {
namespace {

namespace fs = std::filesystem;

fs::path FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? fs::path() : fs::path(value);
}

fs::path UserFolder(const char* variable, const char* below_home) {
  const fs::path given = FromEnvironment(variable);
  if (given.is_absolute()) return given;
  const fs::path home = FromEnvironment("HOME");
  return home.empty() ? fs::path() : home / below_home;
}

}  // namespace

fs::path UserDataFolder() { return UserFolder("XDG_DATA_HOME", ".local/share"); }
fs::path UserStateFolder() { return UserFolder("XDG_STATE_HOME", ".local/state"); }
fs::path UserCacheFolder() { return UserFolder("XDG_CACHE_HOME", ".cache"); }

}  // namespace octoscale
