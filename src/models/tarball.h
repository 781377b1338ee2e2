// Takes single files out of a .tgz archive.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/status.h"

namespace octoscale {

struct TarMember {
  std::string path;  // inside the archive, as stored
  uint64_t size_bytes = 0;
  std::filesystem::path destination;  // written, and synced to the disk
};

// Writes each member to its destination (truncated first). Nothing else of the archive is
// written, and no path in it is used as a path on disk. Errors: CorruptInput (not a gzip'ed tar,
// truncated, a member missing, not a regular file or of another size), ResourceExhausted (disk
// full), IoError. After an error some destinations may be incomplete: extract into a temporary
// directory.
Status ExtractTarMembers(const std::filesystem::path& archive,
                         const std::vector<TarMember>& members);

}  // namespace octoscale
