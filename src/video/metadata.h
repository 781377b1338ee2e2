// Which tags go where. Included only by the .cc files of this folder.
#pragma once

#include <string>
#include <vector>

#include "video/container.h"
#include "video/libav.h"

namespace octoscale {

// Copies metadata but not what describes the old file's bytes (statistics, brands, encoder).
void CopyMetadata(const AVDictionary* from, AVDictionary** to);

// Keys that an MP4 or MOV muxer drops from global metadata, because its classic tag list has no
// place for them. Empty for other containers.
std::vector<std::string> TagsWithoutPlace(const Container& container, const AVDictionary* metadata);
// The same for the tags of a stream.
std::vector<std::string> StreamTagsWithoutPlace(const Container& container,
                                                const AVDictionary* metadata);

}  // namespace octoscale
