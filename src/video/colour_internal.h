// Colour rules that need a pixel format. Included only by the .cc files of this folder.
#pragma once

#include "video/colour.h"
#include "video/planes.h"

namespace octoscale {

// The tags of a source picture with nothing left unspecified: what the pixel format's name says
// (yuvj*, RGB), then FFmpeg's convention that untagged grey is full range, then ResolveColour().
ColourTags SourceColour(const ColourTags& tags, const PixelLayout& layout, int lines);

}  // namespace octoscale
