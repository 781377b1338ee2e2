// What survives a power cut.
#pragma once

#include <string>

#include "base/status.h"

namespace octoscale {

// Writes a file or directory to the disk. `flags` are those of open(). Ok where the file system
// can't do it. Errors: IoError, NotFound.
Status SyncPath(const std::string& path, int flags);

// What is before the last '/' of a path: "/" for "/a", "." for "a".
std::string DirectoryOf(const std::string& path);

// Writes the names in the directory of `path` to the disk, so that a file that was renamed there
// keeps its new name. Errors as above.
Status SyncDirectoryOf(const std::string& path);

}  // namespace octoscale
