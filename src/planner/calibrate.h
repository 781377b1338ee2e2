// Measuring the parts of the work for a calibration.
//
// Processor time is that of the whole process: whatever else runs in it meanwhile is counted too.
#pragma once

#include "base/cancel.h"
#include "base/status.h"
#include "frame/frame.h"
#include "models/model_upscaler.h"
#include "planner/calibration.h"
#include "video/video_writer.h"

namespace octoscale {

// The largest frames that are measured. The network's tiles are far smaller, so a pixel of larger
// frames takes as long.
constexpr FrameSize kEngineSizeMax{960, 540};

EngineKey KeyOf(const ModelRequest& request);

// Adds the rows that FindEngine() needs for frames of `pixels` where they lack: the measured sizes
// around it, with the request's batch size where that takes no longer than a few seconds. A size
// of which one frame takes too long is left out. `added`: whether there were any. Errors: those of
// CreateModelUpscaler and Engine::PredictBatch.
Status CalibrateEngine(const ModelRequest& request, double pixels, const CancelToken& cancel,
                       Calibration* calibration, bool* added);

// Adds the row of options.codec and options.preset where it lacks, measured at the encoder's
// default quality on a synthetic moving picture. Errors: those of VideoWriter.
Status CalibrateEncoder(const EncoderOptions& options, const CancelToken& cancel,
                        Calibration* calibration, bool* added);

}  // namespace octoscale
