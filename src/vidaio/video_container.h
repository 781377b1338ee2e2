// Tells videos from playlists, manifests and other files by their first bytes, before FFmpeg, which
// would open what those name, sees them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace octoscale {

// How many bytes of a file VideoContainerOf() wants; fewer only if there are no more.
constexpr size_t kContainerBytes = 1024;

// "MP4", "Matroska", "AVI", "MPEG-TS" or "FLV" by the first bytes; empty: none of them. MP4 must
// begin with a box of ISO/IEC 14496-12 whose size is plausible, MPEG-TS with nothing but packets.
// Text is none of them, whatever it has where a box would have its type.
std::string_view VideoContainerOf(std::span<const uint8_t> start);

// Ok when VideoContainerOf() knows it. Errors: CorruptInput (empty; text; anything else).
Status CheckVideoContainer(std::span<const uint8_t> start);

// The same for a file. Errors: also NotFound and IoError; each names the file.
Status CheckVideoFile(const std::string& path);

}  // namespace octoscale
