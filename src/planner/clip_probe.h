// A look at one clip and at the moment: a few frames through decoder, network and encoder.
#pragma once

#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "frame/frame_upscaler.h"
#include "models/model_upscaler.h"
#include "planner/calibration.h"
#include "video/video_reader.h"
#include "video/video_writer.h"

namespace octoscale {

struct ProbeRequest {
  std::string input;
  ReaderOptions reader;
  ModelRequest model;  // in the calibration, unless there is an `upscaler`
  // Measured on whole frames instead of the local engine; null: none.
  FrameUpscaler* upscaler = nullptr;
  // It computes in other processes on the cores of this machine.
  bool upscaler_shares_cores = false;
  EncoderOptions encoder;            // its preset doesn't count
  std::vector<std::string> presets;  // to encode the piece with; in the calibration
};

// Decodes a few frames, upscales a piece of them and encodes it; three to six seconds.
// Errors: those of VideoReader, the engine or the upscaler, and VideoWriter.
Result<ClipProbe> ProbeClip(const ProbeRequest& request, const Calibration& calibration,
                            const CancelToken& cancel);

}  // namespace octoscale
