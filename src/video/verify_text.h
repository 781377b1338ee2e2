// How facts are written in the tables of checks.
#pragma once

#include <string>

#include "video/media_info.h"
#include "video/video_compare.h"

namespace octoscale {

std::string SizeText(FrameSize size);                  // "640x360"
std::string DecimalText(double value, int decimals);   // "23.976"
std::string SecondsText(double seconds);               // "1.250 s"
std::string PlaceText(const FrameSpot& spot);          // "frame 12 (0.480 s)", counted from 0
std::string FaultsText(const Faults& faults);          // "none", "3, first at frame 12 (0.480 s)"
std::string AspectText(Rational aspect);               // "1:1", "unset"
std::string RateText(Rational rate);                   // "29.970 fps", "variable"
std::string OrientationText(Orientation orientation);  // "mirrored, 90 degrees"
std::string RangeText(ColourRange range);              // "limited"
// Names of ITU-T H.273 code points, e.g. "bt709"; "unset" for 2.
std::string MatrixText(int matrix);
std::string PrimariesText(int primaries);
std::string TransferText(int transfer);

}  // namespace octoscale
