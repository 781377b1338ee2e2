#include "vidaio/clip_setup.h"

#include "base/file_bytes.h"

namespace octoscale {
namespace {

Status CheckWholeClip(const ReaderOptions& reader) {
  if (reader.start_seconds == 0 && reader.duration_seconds == 0 && reader.frames == 0) {
    return OkStatus();
  }
  return InvalidArgument(
      "a task is answered with the whole clip; leave out --start, --duration and --frames");
}

}  // namespace

Result<ClipSetup> SetUpClip(const ClipJob& job) {
  ClipSetup setup;
  setup.model = job.model;
  setup.pipeline = job.pipeline;
  if (job.task) OCTO_RETURN_IF_ERROR(CheckWholeClip(job.pipeline.reader));
  OCTO_ASSIGN_OR_RETURN(setup.info, ProbeMedia(job.input));
  if (!job.task) return setup;
  OCTO_ASSIGN_OR_RETURN(const int64_t bytes, FileBytes(job.input));
  if (setup.model.model.empty()) {
    setup.model.model = job.task->model;
    setup.model.resample = true;
  }
  setup.model.engine.scale = job.task->scale;
  const PresetRequest preset{*job.task, job.codec, job.quality, job.encoder_preset};
  OCTO_RETURN_IF_ERROR(ApplyPreset(preset, setup.info, bytes, job.output, &setup.pipeline));
  setup.bytes_max = AnswerBytesMax(*job.task, bytes);
  return setup;
}

}  // namespace octoscale
