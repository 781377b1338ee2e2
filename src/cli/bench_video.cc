#include "cli/bench_video.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/process_usage.h"
#include "base/temporary_folder.h"
#include "video/colour.h"
#include "video/video_reader.h"

namespace octoscale {
namespace {

constexpr int64_t kFramesMax = 32;
constexpr int kQuarters = 4;
constexpr size_t kFrameBytesMax = size_t{512} << 20;

// From all over the video: a film's first frames are often black, and the tile units of some
// processors multiply zeros faster.
Result<std::vector<Frame>> SampleFrames(const std::string& input, const ReaderOptions& options,
                                        const CancelToken& cancel) {
  OCTO_ASSIGN_OR_RETURN(const auto reader, VideoReader::Open(input, options, cancel));
  ColourToRgb to_rgb(reader->info().video.sample_type, /*drop_alpha=*/true);
  std::vector<Frame> frames;
  size_t bytes = 0;
  int64_t total = reader->info().video.frames;
  if (options.frames > 0) total = std::min(total, options.frames);
  const int64_t step = std::max<int64_t>(1, total / kFramesMax);
  for (int64_t i = 0; std::ssize(frames) < kFramesMax && bytes < kFrameBytesMax; ++i) {
    OCTO_ASSIGN_OR_RETURN(const std::optional<Picture> picture, reader->Next());
    if (!picture) break;
    if (i % step != step / 2) continue;
    OCTO_ASSIGN_OR_RETURN(Frame frame, to_rgb.Convert(*picture));
    bytes += frame.size_bytes();
    frames.push_back(std::move(frame));
  }
  if (frames.empty()) return CorruptInput(input + ": no frame in the part to measure");
  return frames;
}

EngineSpeed Sum(const EngineSpeed& a, const EngineSpeed& b) {
  EngineSpeed sum;
  sum.frames = a.frames + b.frames;
  sum.seconds = a.seconds + b.seconds;
  sum.cpu_seconds = a.cpu_seconds + b.cpu_seconds;
  sum.fps = static_cast<double>(sum.frames) / sum.seconds;
  sum.effective_gflops =
      (a.effective_gflops * a.seconds + b.effective_gflops * b.seconds) / sum.seconds;
  return sum;
}

}  // namespace

Result<VideoSpeed> BenchVideo(const std::string& input, EngineUpscaler& upscaler,
                              const PipelineOptions& options, double seconds_min,
                              const CancelToken& cancel) {
  OCTO_ASSIGN_OR_RETURN(const TemporaryFolder folder, TemporaryFolder::Create());
  OCTO_ASSIGN_OR_RETURN(const std::vector<Frame> frames,
                        SampleFrames(input, options.reader, cancel));
  VideoSpeed speed;
  speed.input_size = frames[0].size();
  OCTO_ASSIGN_OR_RETURN(const EngineSpeed before,
                        MeasureEngine(upscaler.engine(), frames, seconds_min / 2, cancel));
  const auto on_progress = [&speed](const PipelineProgress& progress) {
    const auto quarters = static_cast<int64_t>(speed.rss_mib.size());
    const int64_t due = progress.frames_total * (quarters + 1) / kQuarters;
    if (progress.frames_total > 0 && quarters < kQuarters && progress.frames_done >= due) {
      speed.rss_mib.push_back(RssMib());
    }
  };
  const double cpu_start = ProcessCpuSeconds();
  OCTO_ASSIGN_OR_RETURN(speed.report, RunPipeline(input, (folder.path() / "out.mkv").string(),
                                                  upscaler, options, on_progress, cancel));
  speed.cpu_seconds = ProcessCpuSeconds() - cpu_start;
  OCTO_ASSIGN_OR_RETURN(const EngineSpeed after,
                        MeasureEngine(upscaler.engine(), frames, seconds_min / 2, cancel));
  speed.engine = Sum(before, after);
  const double engine_cost = speed.engine.cpu_seconds / static_cast<double>(speed.engine.frames);
  speed.attainable_ratio =
      engine_cost * static_cast<double>(speed.report.frames) / speed.cpu_seconds;
  return speed;
}

}  // namespace octoscale
