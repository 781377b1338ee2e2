// The calibration on disk, as JSON.
#pragma once

#include <string>

#include "base/status.h"
#include "planner/calibration.h"

namespace octoscale {

// ${XDG_CACHE_HOME:-~/.cache}/octoscale/calibration.json. Empty when neither is known.
std::string CalibrationPath();

std::string CalibrationJson(const Calibration& calibration);
// CorruptInput for anything that CalibrationJson() doesn't write.
Result<Calibration> ParseCalibration(const std::string& text);

// Errors: NotFound, IoError, CorruptInput.
Result<Calibration> LoadCalibration(const std::string& path);
// Makes the directory; the file is replaced as a whole.
Status SaveCalibration(const Calibration& calibration, const std::string& path);

}  // namespace octoscale
