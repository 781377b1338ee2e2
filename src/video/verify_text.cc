#include "video/verify_text.h"

#include <cstdio>

#include "video/libav.h"

namespace octoscale {
namespace {

constexpr int kUnspecified = 2;

std::string NameOr(const char* name, int code) {
  if (code == kUnspecified) return "unset";
  return name != nullptr ? name : "code " + std::to_string(code);
}

}  // namespace

std::string SizeText(FrameSize size) {
  return std::to_string(size.width) + "x" + std::to_string(size.height);
}

std::string DecimalText(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", decimals, value);
  return text;
}

std::string SecondsText(double seconds) { return DecimalText(seconds, 3) + " s"; }

std::string PlaceText(const FrameSpot& spot) {
  return "frame " + std::to_string(spot.index) + " (" + SecondsText(spot.seconds) + ")";
}

std::string FaultsText(const Faults& faults) {
  if (faults.count == 0) return "none";
  return std::to_string(faults.count) + ", first at " + PlaceText(faults.first);
}

std::string AspectText(Rational aspect) {
  if (aspect.num <= 0 || aspect.den <= 0) return "unset";
  return std::to_string(aspect.num) + ":" + std::to_string(aspect.den);
}

std::string RateText(Rational rate) {
  return rate.num > 0 ? DecimalText(rate.value(), 3) + " fps" : "variable";
}

std::string OrientationText(Orientation orientation) {
  return (orientation.mirrored ? "mirrored, " : "") + std::to_string(orientation.degrees) +
         " degrees";
}

std::string RangeText(ColourRange range) {
  if (range == ColourRange::kUnknown) return "unset";
  return range == ColourRange::kFull ? "full" : "limited";
}

std::string MatrixText(int matrix) {
  return NameOr(av_color_space_name(static_cast<AVColorSpace>(matrix)), matrix);
}

std::string PrimariesText(int primaries) {
  return NameOr(av_color_primaries_name(static_cast<AVColorPrimaries>(primaries)), primaries);
}

std::string TransferText(int transfer) {
  return NameOr(av_color_transfer_name(static_cast<AVColorTransferCharacteristic>(transfer)),
                transfer);
}

}  // namespace octoscale
