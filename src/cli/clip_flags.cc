#include "cli/clip_flags.h"

#include <CLI/CLI.hpp>

namespace octoscale {
namespace {

constexpr const char* kGroup = "Tasks and deadlines";

bool Given(const CLI::App& command, const std::string& option) {
  const CLI::Option* found = command.get_option_no_throw(option);
  return found != nullptr && found->count() > 0;
}

Status Contradicts(const VidaioTask& task, const std::string& option, const std::string& why) {
  return InvalidArgument("--task " + task.name + " and " + option + ": " + why);
}

Status ApplyTaskFlags(const ClipFlags& flags, const EngineFlags& engine, const CLI::App& command,
                      ClipJob* job) {
  OCTO_ASSIGN_OR_RETURN(const VidaioTask task, FindVidaioTask(flags.task));
  if (Given(command, "--scale") && engine.scale != task.scale) {
    return Contradicts(task, "-s " + std::to_string(engine.scale),
                       "the task's scale is " + std::to_string(task.scale));
  }
  const EncoderOptions& encoder = job->pipeline.writer.encoder;
  if (Given(command, "--pix-fmt") && encoder.pixel_format != "yuv420p") {
    return Contradicts(task, "--pix-fmt", "answers are yuv420p");
  }
  if (Given(command, "--encoder-option")) {
    return Contradicts(task, "-e", "the task decides the encoder's options");
  }
  if (Given(command, "--codec")) {
    const auto codec = ParseClipCodec(encoder.codec);
    if (!codec.ok()) return Contradicts(task, "-c " + encoder.codec, codec.status().message());
    job->codec = *codec;
  }
  job->quality = encoder.crf;
  job->encoder_preset = encoder.preset;
  job->task = task;
  if (!Given(command, "--model")) job->model.model.clear();
  return OkStatus();
}

}  // namespace

Result<double> ParseDeadline(const std::string& text) {
  const bool unit = text.size() > 1 && text.back() == 's';
  OCTO_ASSIGN_OR_RETURN(const double seconds,
                        ParseTime("--deadline", unit ? text.substr(0, text.size() - 1) : text));
  if (seconds > 0 && seconds <= kDeadlineSecondsMax) return seconds;
  return InvalidArgument("--deadline is more than 0 s and at most a week, not '" + text + "'");
}

void AddClipFlags(CLI::App& command, ClipFlags& flags) {
  command
      .add_option("--task", flags.task,
                  "Answer a Vidaio task: SD2HD, HD24K, SD24K or 4K28K; decides scale, container, "
                  "codec, pixel format and size")
      ->group(kGroup);
  command
      .add_option(
          "--deadline", flags.deadline,
          "Be done in so many seconds (40s), planning included: the best encoder preset that "
          "fits; the workers' speed is measured, where there are workers")
      ->type_name("TIME")
      ->group(kGroup);
  command
      .add_option("--late", flags.late,
                  "When nothing fits the deadline: refuse (exit code 1), or run the fastest")
      ->check(CLI::IsMember({"refuse", "run"}))
      ->capture_default_str()
      ->group(kGroup);
  command
      .add_flag("--recalibrate", flags.recalibrate,
                "Measure this machine again for the deadline's plan")
      ->group(kGroup);
}

Result<ClipJob> ResolveClipFlags(const ClipFlags& flags, const EngineFlags& engine,
                                 const PipelineOptions& pipeline, const CLI::App& command) {
  ClipJob job;
  job.pipeline = pipeline;
  OCTO_ASSIGN_OR_RETURN(job.model, ResolveEngineFlags(engine));
  if (!flags.task.empty()) {
    OCTO_RETURN_IF_ERROR(ApplyTaskFlags(flags, engine, command, &job));
  }
  if (!flags.deadline.empty()) {
    OCTO_ASSIGN_OR_RETURN(job.deadline_seconds, ParseDeadline(flags.deadline));
  }
  job.recalibrate = flags.recalibrate;
  job.late = flags.late == "run" ? LatePolicy::kRun : LatePolicy::kRefuse;
  return job;
}

}  // namespace octoscale
