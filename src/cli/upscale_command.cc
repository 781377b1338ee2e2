// octoscale upscale: the arguments.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "cli/clip_flags.h"
#include "cli/commands.h"
#include "cli/engine_flags.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/message.h"
#include "cli/progress.h"
#include "cli/remote_flags.h"
#include "cli/shared_fleet.h"
#include "cli/upscale_job.h"
#include "cli/video_flags.h"

namespace octoscale {
namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  octoscale upscale clip.mp4 -o clip-2x.mp4\n"
    "  octoscale upscale clip.mp4 -o clip-4x.mkv -s 4 -c libx265 --crf 20 --preset slow\n"
    "  octoscale upscale film.mkv -o part.mkv --start 1:30 --duration 10\n"
    "  octoscale upscale logo.png -o logo-4x.png -s 4 -m realesrgan-x4plus-anime\n"
    "  octoscale upscale old-videos/ -o new-videos/\n"
    "  octoscale upscale clip.mp4 -o answer.mp4 --task SD2HD --deadline 40s\n"
    "  octoscale upscale one.mp4 two.mkv -o new-videos/\n"
    "  octoscale upscale frame_%06d.png -o clip.mp4 --rate 24\n"
    "  octoscale upscale clip.mp4 -o frame_%06d.png\n"
    "\n"
    "Containers by extension: mp4, mkv, mov, webm. Pictures: PNG, JPEG and WebP in and out.\n"
    "OUTPUT appears under its name only when it is complete. Until then finished parts are kept\n"
    "beside it; after an interruption the same command with --resume goes on with them.\n"
    "Exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted.";

struct UpscaleFlags {
  std::vector<std::string> inputs;
  std::string output;
  bool overwrite = false;
  std::string progress = "auto";
  bool resume = false;
  bool no_journal = false;
  int64_t segment_frames = 0;
  int jpeg_quality = 95;
  EngineFlags engine;
  RemoteFlags remote;
  VideoFlags video;
  ClipFlags clip;
};

void UseWorkers(const UpscaleFlags& flags, UpscaleJob& job) {
  const SharedFleet fleet(flags.remote, flags.engine, PrintWarning, InterruptToken());
  job.make_upscaler = [fleet](const ModelRequest& request) { return fleet.Make(request); };
  job.workers = [fleet] { return fleet.Reports(); };
}

JournalOptions ResolveJournal(const UpscaleFlags& flags) {
  JournalOptions journal;
  // Keeping what is done costs time on the disk, and after a deadline it is of no use.
  const bool nothing_kept = flags.no_journal || !flags.clip.deadline.empty();
  journal.mode = flags.resume   ? JournalMode::kResume
                 : nothing_kept ? JournalMode::kNone
                                : JournalMode::kStart;
  journal.program = std::string("octoscale ") + OCTOSCALE_VERSION;
  journal.segment_frames = flags.segment_frames;
  return journal;
}

void AddResumeFlags(CLI::App& command, UpscaleFlags& flags) {
  CLI::Option* resume = command
                            .add_flag("--resume", flags.resume,
                                      "Go on where an interrupted run of the same command stopped")
                            ->group("Interruptions");
  command
      .add_flag("--no-journal", flags.no_journal,
                "Keep nothing while OUTPUT is made; an interruption loses all of it")
      ->excludes(resume)
      ->group("Interruptions");
  command.add_option("--segment-frames", flags.segment_frames)
      ->check(CLI::PositiveNumber)
      ->group("");  // for tests: several segments of a tiny clip
}

// The clip's job when there is a task or a deadline.
Status UseClip(const UpscaleFlags& flags, const CLI::App& command, UpscaleJob& job) {
  if (!flags.clip.used()) {
    if (!flags.clip.recalibrate && command.get_option("--late")->count() == 0) return OkStatus();
    return InvalidArgument("--late and --recalibrate are for --deadline");
  }
  OCTO_ASSIGN_OR_RETURN(job.clip,
                        ResolveClipFlags(flags.clip, flags.engine, job.pipeline, command));
  job.clip->upscaler_shares_cores = flags.remote.spawn_workers > 0;
  return OkStatus();
}

int RunUpscale(const UpscaleFlags& flags, const CLI::App& command) {
  if (std::ranges::count(flags.inputs, "-") > 0 || flags.output == "-") {
    PrintError("'-' is not accepted; name a file");
    return kExitUsage;
  }
  const auto progress = ParseProgressMode(flags.progress);
  if (!progress.ok()) return ReportFailure(progress.status());
  const auto fail = [&progress](const Status& status) {
    ProgressPrinter(*progress, false).JobFailed(status);
    return ExitCode(status.code());
  };
  const auto pipeline = ResolveVideoFlags(flags.video);
  if (!pipeline.ok()) return fail(pipeline.status());
  const Status remote = CheckRemoteFlags(flags.remote, flags.engine);
  if (!remote.ok()) return fail(remote);

  UpscaleJob job;
  job.inputs = flags.inputs;
  job.output = flags.output;
  job.overwrite = flags.overwrite;
  job.progress = *progress;
  job.pipeline = *pipeline;
  job.pipeline.writer.overwrite = flags.overwrite;
  job.pipeline.journal = ResolveJournal(flags);
  job.image.jpeg_quality = flags.jpeg_quality;
  job.pipeline.image = job.image;
  const auto model = ResolveEngineFlags(flags.engine);
  if (!model.ok()) return fail(model.status());
  job.model = *model;
  if (flags.remote.used()) UseWorkers(flags, job);
  const Status clip = UseClip(flags, command, job);
  if (!clip.ok()) return fail(clip);
  return RunUpscaleJob(job, InterruptToken());
}

void AddStreamFlags(CLI::App& command, WriterOptions& writer) {
  const auto add = [&command](const std::string& what, bool& copy) {
    command
        .add_flag(
            "--no-copy-" + what, [&copy](int64_t) { copy = false; }, "Leave out " + what)
        ->group("Other streams");
    command
        .add_flag(
            "--copy-" + what, [&copy](int64_t) { copy = true; }, "Keep them (the default)")
        ->group("");  // accepted, not listed
  };
  add("audio", writer.copy_audio);
  add("subtitles", writer.copy_subtitles);
  add("attachments", writer.copy_attachments);
  add("chapters", writer.copy_chapters);
  add("metadata", writer.copy_metadata);
}

}  // namespace

void AddUpscaleCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("upscale", "Upscale videos, pictures and folders");
  auto flags = std::make_shared<UpscaleFlags>();
  command
      ->add_option(
          "INPUT", flags->inputs,
          "Videos, pictures (PNG, JPEG, WebP), folders of them, numbered pictures (f_%06d.png)")
      ->required();
  command->add_option("-o,--output", flags->output, "File; a folder for several inputs or a folder")
      ->required();
  command->add_flag("-y,--overwrite", flags->overwrite, "Replace OUTPUT when it exists");
  command
      ->add_option("--progress", flags->progress,
                   "auto, bar, json (events on stdout) or none; auto: a bar on a terminal")
      ->capture_default_str();
  command->add_option("--jpeg-quality", flags->jpeg_quality, "Quality of JPEG pictures written")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  AddEngineFlags(*command, flags->engine);
  AddRemoteFlags(*command, flags->remote);
  AddClipFlags(*command, flags->clip);
  AddVideoFlags(*command, flags->video);
  AddStreamFlags(*command, flags->video.pipeline.writer);
  AddResumeFlags(*command, *flags);
  command->footer(kFooter);
  command->callback([flags, command, &exit_code] { exit_code = RunUpscale(*flags, *command); });
}

}  // namespace octoscale
