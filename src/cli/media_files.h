// Which files are videos and pictures, and what their outputs are called.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace octoscale {

enum class MediaKind { kVideo, kPicture };

// By content: a PNG, JPEG or WebP is a picture, unless it is an animation; anything else, numbered
// pictures among it, is left to the video reader. Errors: NotFound, IoError, InvalidArgument
// (neither file nor folder).
Result<MediaKind> KindOfFile(const std::string& path);

struct ListedFile {
  std::string input;
  std::string output;
};

// The files of a list and, for a folder in it, every video and picture directly in that folder, by
// the names' extensions, in the order of names; each with the path of its output in
// `output_folder`: the same name, except that a video in a container that `encoder` can't be
// written to becomes .mkv. Files of the list are not looked at.
// Errors: NotFound (nothing to upscale in a folder), IoError, InvalidArgument (two inputs that
// would share an output).
Result<std::vector<ListedFile>> ListFiles(const std::vector<std::string>& inputs,
                                          const std::string& output_folder,
                                          const std::string& encoder);

}  // namespace octoscale
