// The folder that the service shares with its caller: which paths of a request are inside it.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace octoscale {

class SharedVolume {
 public:
  // The folder is made when it is missing. Errors: InvalidArgument (empty, "/", not a folder),
  // IoError.
  static Result<SharedVolume> Open(const std::string& path);

  const std::string& root() const { return root_; }  // as configured
  const std::string& real() const { return real_; }  // without links
  // Where the service keeps what is not finished; inside the volume, so that results are renamed.
  std::string work_folder() const { return real_ + "/.octoscale"; }

  // The file behind a path of a request (relative ones start in the volume), without links. Errors,
  // all InvalidArgument: empty, "..", no such file, not a regular file, outside the volume (also by
  // a link), inside the work folder.
  Result<std::string> FindInput(std::string_view path) const;

  // Where a result may be written: the folder must exist inside the volume, the name end in .mp4
  // and not be a folder's. The last part may be missing; a link there will be replaced, not
  // followed. Errors as above.
  Result<std::string> PlaceOutput(std::string_view path) const;

 private:
  SharedVolume(std::string root, std::string real)
      : root_(std::move(root)), real_(std::move(real)) {}
  bool Contains(std::string_view real) const;
  Result<std::string> Absolute(std::string_view path) const;

  std::string root_;
  std::string real_;
};

}  // namespace octoscale
