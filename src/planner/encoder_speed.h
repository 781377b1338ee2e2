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

struct EncoderSpeed {
  PixelSpeed speed;      // without the colour conversion
  double begin_cpu = 0;  // as in EncoderRow
  double colour_cpu = 0;
};

// Encodes a film that runs through `frames` (all of one size) forwards and backwards, twice: what
// the encoder takes to begin and to end falls out of the difference of a short and a long run.
// `source` gives time base and tags. Errors: those of VideoWriter.
Result<EncoderSpeed> MeasureEncoder(std::span<const Frame> frames, const VideoReader& source,
                                    const EncoderOptions& options, const TemporaryFolder& folder,
                                    const CancelToken& cancel);

}  // namespace octoscale
