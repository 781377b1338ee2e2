// Which files are videos and pictures, and what their outputs are called.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace octoscale {

enum class MediaKind { kVideo, kPicture };

// By content: a PNG or JPEG is a picture, unless it is an animated PNG; anything else is left to
// the video reader. Errors: NotFound, IoError, InvalidArgument (neither file nor folder).
Result<MediaKind> KindOfFile(const std::string& path);

struct FolderFile {
  std::string input;
  std::string output;
};

// Every video and picture directly in `folder`, by the names' extensions, in the order of names,
// with the path of its output in `output_folder`: the same name, except that a video in a container
// that `encoder` can't be written to becomes .mkv. Two inputs never share an output.
// Errors: NotFound (nothing to upscale), IoError.
Result<std::vector<FolderFile>> FolderFiles(const std::string& folder,
                                            const std::string& output_folder,
                                            const std::string& encoder);

}  // namespace octoscale
