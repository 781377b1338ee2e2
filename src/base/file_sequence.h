// Numbered files such as frame_%06d.png: one picture each, together a video.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace octoscale {

// A path whose file name holds one number as printf writes it: %d, %6d is not one, %06d is.
class FileSequence {
 public:
  // Nothing when the name has no such number, or more than one. A '%' in the folder's name is
  // nothing special. The file is not looked for.
  static std::optional<FileSequence> Parse(std::string_view path);

  const std::string& path() const { return path_; }      // as given
  const std::string& folder() const { return folder_; }  // "." when the path has none
  std::string Name(int64_t number) const;                // "frame_000007.png"
  std::string Path(int64_t number) const;                // the same in its folder
  // The same sequence for FFmpeg, where every '%' of the folder is doubled.
  std::string Escaped() const;

  // The numbers of the files that are there, in order. Errors: NotFound (no such folder), IoError.
  Result<std::vector<int64_t>> Numbers() const;

 private:
  std::string path_;
  std::string folder_;
  std::string directory_;  // of the path, with its slash; may be empty
  std::string before_;
  std::string after_;
  int digits_ = 0;  // at least so many, with leading zeros
};

struct SequenceRange {
  int64_t first = 0;
  int64_t count = 0;
};

// Which pictures an input holds. Errors: those of Numbers(); NotFound (none); InvalidArgument (a
// number is missing between two others: the name of that file).
Result<SequenceRange> FindSequence(const FileSequence& sequence);

// `path` names a sequence and is no file itself.
bool IsInputSequence(const std::string& path);

}  // namespace octoscale
