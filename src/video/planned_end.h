// Where a limited part of a video will end. Included only by the .cc files of this folder.
#pragma once

#include <cstdint>
#include <optional>

#include "base/cancel.h"
#include "video/video_reader_impl.h"

namespace octoscale {

// The end of the part that `source` was opened for, before its pictures are read: microseconds of
// the source's timeline. Unset without a limit, and where the file ends first or its packets do not
// tell. For a limit on frames the packets of so many pictures are read.
std::optional<int64_t> PlannedEnd(const VideoReader::Impl& source, const CancelToken& cancel);

}  // namespace octoscale
