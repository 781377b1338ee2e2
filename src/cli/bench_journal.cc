#include "cli/bench_journal.h"

#include <algorithm>

#include "base/process_usage.h"
#include "base/temporary_folder.h"
#include "pipeline/segment_sink.h"

namespace octoscale {
namespace {

void KeepBest(const JournalRun& run, JournalRun* best) {
  const bool first = best->seconds == 0;
  best->seconds = first ? run.seconds : std::min(best->seconds, run.seconds);
  best->cpu_seconds = first ? run.cpu_seconds : std::min(best->cpu_seconds, run.cpu_seconds);
  best->output_bytes = run.output_bytes;
}

}  // namespace

Result<JournalCost> BenchJournal(const std::string& input, FrameUpscaler& upscaler,
                                 const PipelineOptions& options, int rounds,
                                 const CancelToken& cancel) {
  OCTO_RETURN_IF_ERROR(CheckResumable(input, options.writer.encoder).WithContext("no journal"));
  OCTO_ASSIGN_OR_RETURN(const MediaInfo info, ProbeMedia(input));
  OCTO_ASSIGN_OR_RETURN(const TemporaryFolder folder, TemporaryFolder::Create());
  const std::string output = (folder.path() / "out.mkv").string();
  JournalCost cost;
  cost.segment_frames = SegmentFrames(info.video.size);
  // The first run warms caches up.
  for (int run = -1; run < 2 * rounds; ++run) {
    const bool journal = run >= 0 && run % 2 == 0;
    PipelineOptions now = options;
    now.writer.overwrite = true;
    now.journal.mode = journal ? JournalMode::kStart : JournalMode::kNone;
    const double cpu_before = ProcessCpuSeconds();
    OCTO_ASSIGN_OR_RETURN(const PipelineReport report,
                          RunPipeline(input, output, upscaler, now, {}, cancel));
    if (run < 0) continue;
    cost.frames = report.frames;
    KeepBest({report.seconds, ProcessCpuSeconds() - cpu_before, report.output_bytes},
             journal ? &cost.with : &cost.without);
  }
  return cost;
}

}  // namespace octoscale
