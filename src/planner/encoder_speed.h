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

// Frames of the longer run: with more than these none is encoded.
constexpr size_t kEncoderFramesMax = 28;

struct EncoderSpeed {
  PixelSpeed speed;      // without the colour conversion
  double begin_cpu = 0;  // as in EncoderRow
  double colour_cpu = 0;
};

// Encodes a film of `frames` (all of one size) twice: what the encoder takes to begin and to end
// falls out of the difference of a short and a long run. Fewer frames than kEncoderFramesMax are
// run through forwards and backwards; where the film turns they are cheaper than in a clip.
// `source` gives time base and tags; nothing else of it is copied. Errors: those of VideoWriter.
Result<EncoderSpeed> MeasureEncoder(std::span<const Frame> frames, const VideoReader& source,
                                    const EncoderOptions& options, const TemporaryFolder& folder,
                                    const CancelToken& cancel);

}  // namespace octoscale
