// How fast an encoder is on given frames.
#pragma once

#include <span>

#include "base/cancel.h"
#include "base/status.h"
#include "base/temporary_folder.h"
#include "frame/frame.h"
#include "planner/calibration.h"
#include "video/video_reader.h"
#include "video/video_writer.h"

namespace octoscale {

// Frames of the longer run, at least.
constexpr size_t kEncoderFramesMin = 28;

struct EncoderSpeed {
  PixelSpeed speed;  // as in EncoderRow, as are the next two
  double open_cpu = 0;
  double colour_cpu = 0;
  double begin_frames = 0;  // as in EncoderCost
};

// Encodes a film of `frames` (all of one size) in a short and in a longer run: a frame costs their
// difference, and what is left is the encoder's beginning, less that of a run of one tiny frame.
// Fewer frames than a run has are run through forwards and backwards; where the film turns they are
// cheaper than in a clip.
// `source` gives time base and tags; nothing else of it is copied. Errors: those of VideoWriter.
Result<EncoderSpeed> MeasureEncoder(std::span<const Frame> frames, const VideoReader& source,
                                    const EncoderOptions& options, const TemporaryFolder& folder,
                                    const CancelToken& cancel);

}  // namespace octoscale
