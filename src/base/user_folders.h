// Where a user's files lie: the XDG base directory specification.
#pragma once

#include <filesystem>

namespace octoscale {

// $XDG_DATA_HOME, else ~/.local/share; $XDG_STATE_HOME, else ~/.local/state; $XDG_CACHE_HOME, else
// ~/.cache. Relative paths in the variables are ignored, as the specification says. Empty: neither
// the variable nor $HOME is set.
std::filesystem::path UserDataFolder();
std::filesystem::path UserStateFolder();
std::filesystem::path UserCacheFolder();

}  // namespace octoscale
