#include "cli/engine_flags.h"

#include <CLI/CLI.hpp>
#include <charconv>

#include "frame/frame.h"

namespace octoscale {
namespace {

constexpr int kScaleMin = 2;
constexpr int kScaleMax = 4;
constexpr int kBatchMax = 1024;
constexpr int kThreadsMax = 1024;

}  // namespace

Result<int> ParsePatchSize(const std::string& text) {
  if (text == "auto") return 0;
  int value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stop == end && value >= 1 && value <= kFrameSideMax) return value;
  return InvalidArgument("--patch-size is 'auto' or 1 to " + std::to_string(kFrameSideMax) +
                         ", not '" + text + "'");
}

void AddEngineFlags(CLI::App& command, EngineFlags& flags) {
  command.add_option("-m,--model", flags.model, "Network; `octoscale models list` shows them")
      ->capture_default_str()
      ->group("Network");
  command.add_option("-s,--scale", flags.scale, "Output size = input size x scale: 2, 3 or 4")
      ->check(CLI::Range(kScaleMin, kScaleMax))
      ->capture_default_str()
      ->group("Network");
  command
      .add_flag("--resample", flags.resample,
                "When the network lacks the scale, run it at its own and resize (bicubic)")
      ->group("Network");
  command.add_option("--models-dir", flags.models_dir, "Look for weights here first")
      ->type_name("DIR")
      ->group("Network");
  command
      .add_option("--precision", flags.precision,
                  "Arithmetic: auto, fp32, bf16 or int16; auto is the fastest accurate one here")
      ->check(CLI::IsMember({"auto", "fp32", "bf16", "int16"}))
      ->capture_default_str()
      ->group("Speed and memory");
  command
      .add_option("-b,--batch-size", flags.batch_size, "Frames computed together; no pixel changes")
      ->check(CLI::Range(1, kBatchMax))
      ->capture_default_str()
      ->group("Speed and memory");
  command
      .add_option("--patch-size", flags.patch_size,
                  "Columns computed together, or auto; no pixel changes")
      ->capture_default_str()
      ->group("Speed and memory");
  command.add_option("--threads", flags.threads, "Threads of the network; 0: one per core")
      ->check(CLI::Range(0, kThreadsMax))
      ->capture_default_str()
      ->group("Speed and memory");
}

Result<ModelRequest> ResolveEngineFlags(const EngineFlags& flags) {
  ModelRequest request;
  request.model = flags.model;
  request.resample = flags.resample;
  request.models_dir = flags.models_dir;
  request.engine.scale = flags.scale;
  request.engine.batch_size = flags.batch_size;
  request.engine.threads = flags.threads;
  OCTO_ASSIGN_OR_RETURN(request.engine.patch_size, ParsePatchSize(flags.patch_size));
  OCTO_ASSIGN_OR_RETURN(request.engine.precision, ParsePrecision(flags.precision));
  return request;
}

Result<std::unique_ptr<EngineUpscaler>> CreateEngineUpscaler(const EngineFlags& flags) {
  OCTO_ASSIGN_OR_RETURN(const ModelRequest request, ResolveEngineFlags(flags));
  return CreateModelUpscaler(request);
}

}  // namespace octoscale
