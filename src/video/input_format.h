// Which demuxer reads a file, by its content. Included only by the .cc files of this folder.
#pragma once

#include <string>

#include "base/status.h"
#include "video/libav.h"

namespace octoscale {

// Reads the beginning of an open file and rewinds it. Errors: Unsupported for playlists, manifests
// and the like, whose demuxers would open the files that they name; CorruptInput for text and for
// what no demuxer knows. `path` is for messages and for formats told by their extension.
Result<const AVInputFormat*> FindInputFormat(const std::string& path, AVIOContext* file);

// Makes every attempt of a demuxer to open another file fail. The first name that it asked for is
// in `*asked`, which outlives the context.
void RefuseOtherFiles(AVFormatContext* context, std::string* asked);

// The error for such a file. `what`: "an HLS playlist".
Status NamesOtherFiles(const std::string& path, const std::string& what);

}  // namespace octoscale
