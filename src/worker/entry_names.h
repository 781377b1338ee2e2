// Names of ZIP entries from the names that callers send, which may be hostile.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace octoscale::worker {

// Gives each input of a request its name in the answer.
class EntryNames {
 public:
  // The last part of `sent` without its extension, cleaned, plus ".png". Separators of any system,
  // control characters, what Windows forbids and bytes that are not UTF-8 become '_'; leading and
  // trailing dots and blanks go; at most 200 bytes. Nothing left: "frame_0001" with the input's
  // number (from 1). A name that was given before, letters compared without case, gets "_2", ...
  std::string Next(std::string_view sent);

 private:
  std::set<std::string> used_;
  int count_ = 0;
};

}  // namespace octoscale::worker
