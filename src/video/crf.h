// Constant quality (CRF) of FFmpeg's encoders: lower is better and larger.
#pragma once

#include <optional>
#include <string>

namespace octoscale {

// Where neither quality nor bit rate was asked for; nullopt: the encoder's own.
std::optional<double> DefaultCrf(const std::string& codec);

// The worst quality of libx264, libx265 (51) and the AV1 encoders (63).
double CrfMax(const std::string& codec);

}  // namespace octoscale
