// One run of video2x: the pipeline on a thread of its own, keys and progress on the caller's.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "base/cancel.h"
#include "base/status.h"
#include "cli/video2x_args.h"
#include "cli/video2x_console.h"

namespace octoscale {

struct Video2xSummary {
  int64_t frames = 0;
  double seconds = 0;  // pauses don't count
};

class Video2xJob {
 public:
  Video2xJob(const Video2xArgs& args, Video2xConsole* console, const CancelToken& cancel);

  // Blocks until done. Cancelled when the user aborted.
  Result<Video2xSummary> Run();

 private:
  using Clock = std::chrono::steady_clock;

  Result<int64_t> Process();
  Result<int64_t> Encode(FrameUpscaler& upscaler);
  Result<int64_t> Discard(FrameUpscaler& upscaler);
  Status CutTail(PipelineOptions* options);
  ProgressCallback OnProgress();
  std::function<void(const std::string&)> OnWarning();
  void Watch();
  void OnKey(char key);
  void TogglePause();
  double Seconds() const;

  const Video2xArgs& args_;
  Video2xConsole* console_;
  CancelToken cancel_;
  std::atomic<bool> paused_{false};
  std::atomic<bool> ended_{false};
  std::atomic<int64_t> frames_done_{0};
  std::atomic<int64_t> frames_total_{0};
  Clock::time_point start_;
  Clock::time_point pause_start_;
  Clock::duration pauses_{0};
};

}  // namespace octoscale
