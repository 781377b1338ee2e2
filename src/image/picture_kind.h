// What the first bytes of a file say about pictures.
#pragma once

#include <cstddef>
#include <string_view>

namespace octoscale {

// Enough to see the chunk that makes a PNG an animation.
constexpr size_t kPictureHeadBytes = 64 << 10;

bool IsWebp(std::string_view head);

// The bit in a WebP's extended header, which comes first.
bool IsAnimatedWebp(std::string_view head);

// A PNG, JPEG or WebP that is no animation.
bool IsStillPicture(std::string_view head);

}  // namespace octoscale
