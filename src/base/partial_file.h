// PartialFile: an output that appears under its name only when it is complete.
#pragma once

#include <string>

#include "base/status.h"

namespace octoscale {

// A new file ".NAME.partial-XXXXXX" in the output's directory, or in another one on the same file
// system. The destructor removes it unless Commit() succeeded. Not thread-safe.
class PartialFile {
 public:
  // Errors: NotFound (no such directory), IoError (not writable), ResourceExhausted.
  static Result<PartialFile> Create(const std::string& final_path,
                                    const std::string& directory = "");
  PartialFile(PartialFile&& other) noexcept;
  PartialFile& operator=(PartialFile&&) = delete;
  ~PartialFile();

  const std::string& path() const { return path_; }
  // Syncs the file to disk, then renames it; without `overwrite` an existing file is AlreadyExists.
  Status Commit(bool overwrite);

 private:
  PartialFile(std::string path, std::string final_path);
  std::string path_;  // empty once committed or moved from
  std::string final_path_;
};

// Renames in one step, within a file system. Without `overwrite` an existing file is AlreadyExists
// and stays. Errors: also NotFound, IoError.
Status MoveFile(const std::string& from, const std::string& to, bool overwrite);

// What can be known about an output before it is written: its directory exists, it is not the
// input (same file by device and inode), it does not exist unless `overwrite`.
Status CheckOutputPath(const std::string& input_path, const std::string& output_path,
                       bool overwrite);

}  // namespace octoscale
