#include "base/user_folders.h"

#include <gtest/gtest.h>

#include "base/testing/environment.h"

namespace octoscale {
namespace {

using test::ScopedEnvironment;

TEST(UserFoldersTest, TheVariableThenHomeThenNothing) {
  {
    const ScopedEnvironment state("XDG_STATE_HOME", "/a/state"), home("HOME", "/home/u");
    EXPECT_EQ(UserStateFolder(), "/a/state");
  }
  {
    const ScopedEnvironment state("XDG_STATE_HOME", nullptr), data("XDG_DATA_HOME", "");
    const ScopedEnvironment cache("XDG_CACHE_HOME", nullptr), home("HOME", "/home/u");
    EXPECT_EQ(UserStateFolder(), "/home/u/.local/state");
    EXPECT_EQ(UserDataFolder(), "/home/u/.local/share");
    EXPECT_EQ(UserCacheFolder(), "/home/u/.cache");
  }
  {
    const ScopedEnvironment cache("XDG_CACHE_HOME", nullptr), home("HOME", nullptr);
    EXPECT_EQ(UserCacheFolder(), "");
  }
}

TEST(UserFoldersTest, RelativePathsAreIgnored) {
  const ScopedEnvironment state("XDG_STATE_HOME", "state"), home("HOME", "/home/u");
  EXPECT_EQ(UserStateFolder(), "/home/u/.local/state");
}

}  // namespace
}  // namespace octoscale
