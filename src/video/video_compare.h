// Two videos side by side: what an upscaled file keeps of its input, frame by frame. Facts only;
// video/verify.h judges them.
#pragma once

#include <cstdint>
#include <string>

#include "base/cancel.h"
#include "base/status.h"
#include "video/media_info.h"

namespace octoscale {

// kByTime: pictures shown at the same time belong together, counted from each video's first.
// kByIndex: the first with the first, and so on.
enum class FramePairing { kByTime, kByIndex };

struct CompareOptions {
  FramePairing pairing = FramePairing::kByTime;
  int decoder_threads = 2;  // of each of the two
};

// A picture of the input, for messages. index -1: none.
struct FrameSpot {
  int64_t index = -1;  // from 0
  double seconds = 0;  // on the input's timeline
};

// How often something is wrong, and where first.
struct Faults {
  int64_t count = 0;
  FrameSpot first;
};

// Times in seconds.
struct TimeFacts {
  double tolerance = 0;    // what rounding to the coarser of the two time bases explains
  double input_start = 0;  // of the first picture
  double output_start = 0;
  double input_length = 0;  // first picture's start to last picture's end
  double output_length = 0;
  // How far the lengths are apart; 0 when a last picture has no duration. FFmpeg's MP4 demuxer has
  // no durations where there are B-frames, so what the tracks' headers say counts as well.
  double length_error = 0;
  Faults missing;  // input pictures without one in the output
  Faults extra;    // output pictures that no input picture asks for; spot: the output's
  double worst_time_error = 0;  // of pairs
  FrameSpot worst_time;
  double worst_duration_error = 0;  // of pairs but the last, where both are known
  FrameSpot worst_duration;
};

// Of the pairs; nothing when the sizes don't allow it (`factor` 0). PSNR and SSIM compare the
// output, averaged down by `factor`, with the input.
struct PictureFacts {
  int factor = 0;  // output size / input size, when whole and equal in both directions
  int64_t pairs = 0;
  double psnr_db_mean = 0;  // of the mean squared error of all pairs
  double psnr_db_worst = 0;
  FrameSpot psnr_worst;
  double ssim_mean = 0;
  double ssim_worst = 0;
  FrameSpot ssim_worst_at;
  Faults black;      // black in the output only
  Faults frozen;     // the output repeats its last picture where the input moves
  Faults misplaced;  // shows an input picture's neighbour
  // Output pixels that the picture is moved by, when moving it back makes it fit better; sampled.
  int moved_x = 0;
  int moved_y = 0;
};

struct VideoComparison {
  MediaInfo input;
  MediaInfo output;
  // What was done to the output's pixels, because its container has no mark for viewers to do it;
  // nothing where the mark is the input's.
  Orientation turn;
  int64_t input_bytes = 0;  // sizes of the files
  int64_t output_bytes = 0;
  int64_t input_frames = 0;  // decoded and counted
  int64_t output_frames = 0;
  // Decoder complaints: damaged packets and pictures, and others.
  std::string output_damage;
  TimeFacts times;
  PictureFacts pictures;
  // Why the output could not be opened or read to its end; nothing else of it is valid then.
  Status output_error;
};

// Decodes both files from beginning to end, in step: memory doesn't depend on their length.
// Transparency is ignored. Errors: those of VideoReader for the input; Cancelled.
Result<VideoComparison> CompareVideos(const std::string& input, const std::string& output,
                                      const CompareOptions& options,
                                      const CancelToken& cancel = {});

}  // namespace octoscale
