// Whether an upscaled video kept everything that its input has: sizes, every picture and its time,
// colours, the other streams, and a picture that is still the same one.
#pragma once

#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "video/video_compare.h"

namespace octoscale {

struct VerifyCheck {
  std::string name;  // stable, e.g. "frame_count"; docs/verify.md lists them
  bool ok = false;
  std::string expected;  // for people
  std::string found;
};

struct VerifyReport {
  std::vector<VerifyCheck> checks;
  bool ok() const;
  // The names of the checks that failed: "frame_count, frame_times"; empty when none did.
  std::string Failures() const;
};

struct VerifyOptions {
  int scale = 0;             // 0: 2, 3 or 4, whichever it is
  std::string codec;         // FFmpeg's name of the format, "hevc"; empty: any
  std::string profile;       // "Main"; empty: any
  std::string pixel_format;  // "yuv420p"; empty: any that keeps the input's depth
  // Averages below these fail. Networks sharpen and clean, so the default only catches pictures
  // that are another picture, scrambled or in wrong colours.
  double psnr_db_min = 20;
  double ssim_min = 0.5;
  std::vector<std::string> ignored;  // names of checks to leave out
  int decoder_threads = 2;           // of each of the two files
};

// Checks on pictures that hold for any upscaled video: black_frames, frozen_frames, frame_order,
// alignment, psnr, ssim. Appends to `checks`.
void CheckPictures(const VideoComparison& facts, double psnr_db_min, double ssim_min,
                   std::vector<VerifyCheck>* checks);
// The only check when the output can't be read: "readable".
VerifyCheck CheckReadable(const VideoComparison& facts);

// An output that can't be opened or read to its end is a failed check, not an error.
// Errors: those of VideoReader for the input; InvalidArgument (an unknown name in `ignored`);
// Cancelled.
Result<VerifyReport> VerifyVideo(const std::string& input, const std::string& output,
                                 const VerifyOptions& options, const CancelToken& cancel = {});

}  // namespace octoscale
