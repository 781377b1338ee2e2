// Chapters of the part of a file that is copied. Included only by the .cc files of this folder.
#pragma once

#include <cstdint>
#include <optional>

#include "video/libav.h"
#include "video/video_reader.h"

namespace octoscale {

// Adds to `out`, which has none yet, the chapters of `in` that lie in the window, moved to its
// beginning and cut at `end_us` (microseconds of the output's timeline) if given. Returns how many.
int CopyChapters(const AVFormatContext& in, const SourceWindow& window,
                 std::optional<int64_t> end_us, bool with_metadata, AVFormatContext* out);

}  // namespace octoscale
