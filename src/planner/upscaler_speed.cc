#include "planner/upscaler_speed.h"

#include <algorithm>
#include <future>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "planner/stopwatch.h"

namespace octoscale {
namespace {

constexpr double kRoundSeconds = 1;
constexpr double kWarmUpSecondsMax = 3;
// Upscaled frames of a round.
constexpr size_t kRoundBytesMax = size_t{2} << 30;

struct Batch {
  size_t first = 0;  // number of its first frame in the round
  std::vector<Frame> frames;
};

struct Round {
  size_t frames = 0;
  Times took;
  double first_wall = 0;  // until the first batch was back
};

// The second at which the batch was back.
Result<double> RunBatch(FrameUpscaler& upscaler, Batch batch, size_t frames_known,
                        const KeepUpscaled& keep, const CancelToken& cancel) {
  try {
    const size_t count = batch.frames.size();
    OCTO_ASSIGN_OR_RETURN(const std::vector<Frame> upscaled,
                          upscaler.Upscale(std::move(batch.frames), cancel));
    const double back = Now().wall;
    if (upscaled.size() != count) {
      return Internal("the upscaler returned " + std::to_string(upscaled.size()) + " frames for " +
                      std::to_string(count));
    }
    for (size_t i = 0; i < count; ++i) keep((batch.first + i) % frames_known, upscaled[i]);
    return back;
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("out of memory for a batch; use smaller batches or fewer workers");
  }
}

Result<Round> RunRound(FrameUpscaler& upscaler, std::span<const Frame> frames, size_t slots,
                       size_t batch_frames, const KeepUpscaled& keep, const CancelToken& cancel) {
  std::vector<Batch> batches(slots);
  Round round;
  for (Batch& batch : batches) {
    batch.first = round.frames;
    for (size_t i = 0; i < batch_frames; ++i) {
      batch.frames.push_back(frames[round.frames++ % frames.size()].Clone());
    }
  }
  const Times start = Now();
  std::vector<std::future<Result<double>>> answers;
  for (Batch& batch : batches) {
    answers.push_back(std::async(std::launch::async, [&upscaler, &frames, &keep, &cancel,
                                                      mine = std::move(batch)]() mutable {
      return RunBatch(upscaler, std::move(mine), frames.size(), keep, cancel);
    }));
  }
  std::vector<Result<double>> ends;
  for (auto& answer : answers) ends.push_back(answer.get());
  round.took = Now() - start;
  round.first_wall = round.took.wall;
  for (const Result<double>& end : ends) {
    OCTO_RETURN_IF_ERROR(end.status());
    round.first_wall = std::min(round.first_wall, *end - start.wall);
  }
  return round;
}

// Of one slot.
size_t BatchFrames(const FrameUpscaler& upscaler, const Frame& frame, size_t slots,
                   double warm_up_seconds) {
  const auto scale = static_cast<size_t>(upscaler.info().scale);
  const size_t fitting = kRoundBytesMax / (frame.size_bytes() * scale * scale * slots);
  const double wanted = kRoundSeconds / std::max(warm_up_seconds, 1e-3);
  const auto most = static_cast<size_t>(std::max(1, upscaler.info().batch_frames));
  return std::max<size_t>(1, std::min({static_cast<size_t>(wanted), fitting, most}));
}

}  // namespace

Result<UpscalerSpeed> MeasureUpscaler(FrameUpscaler& upscaler, std::span<const Frame> frames,
                                      const KeepUpscaled& keep, const CancelToken& cancel) {
  const auto slots = static_cast<size_t>(std::max(1, upscaler.info().batches_in_flight));
  OCTO_ASSIGN_OR_RETURN(Round round, RunRound(upscaler, frames, slots, 1, keep, cancel));
  if (round.took.wall < kWarmUpSecondsMax) {
    const size_t batch = BatchFrames(upscaler, frames[0], slots, round.took.wall);
    OCTO_ASSIGN_OR_RETURN(round, RunRound(upscaler, frames, slots, batch, keep, cancel));
  }
  const double pixels = static_cast<double>(round.frames) * PixelsOf(frames[0].size());
  UpscalerSpeed speed;
  speed.speed = {round.took.cpu / pixels, round.took.wall / pixels};
  speed.batches_abreast =
      std::max(1.0, static_cast<double>(slots) * round.first_wall / round.took.wall);
  return speed;
}

}  // namespace octoscale
