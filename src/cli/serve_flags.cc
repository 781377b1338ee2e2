#include "cli/serve_flags.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/user_folders.h"
#include "cli/clip_flags.h"
#include "cli/service_flags.h"
#include "frame/frame.h"
#include "worker/simulated_upscaler.h"

namespace octoscale {
namespace {

constexpr double kMebibyte = 1 << 20;
constexpr double kMany = 1e6;
constexpr int64_t kPresignedGraceSeconds = 600;

void AddServingFlags(CLI::App& command, ServeFlags& flags) {
  ServiceOptions& o = flags.options;
  const char* group = "Serving";
  command.add_option("--api", flags.api, "Whose requests are answered: vidaio")
      ->check(CLI::IsMember({"vidaio"}))
      ->capture_default_str()
      ->group(group);
  AddListenFlag(command, group, o.listen);
  AddOption(command, group, "--older-listen", o.older_listen,
            "A second address, where older miners look; none: no second one", "ADDRESS:PORT");
  AddNumber(command, group, "--max-concurrent", o.concurrent_max, "Tasks at a time", 1, 64)
      ->envname("MAX_CONCURRENT_UPSCALING");
  AddNumber(command, group, "--max-queue", o.queue_max,
            "Tasks that wait; more are refused with 429", 0, 10'000)
      ->envname("MAX_QUEUE_SIZE_UPSCALING");
  command
      .add_flag("--disable-remote-io", o.remote_disabled,
                "Take no URLs; output_paths may be given then")
      ->envname("DISABLE_REMOTE_IO")
      ->group(group);
  AddOption(command, group, "--shared-volume", o.shared_volume,
            "Folder of the local clips and of all results", "DIR")
      ->envname("SHARED_VOLUME_PATH");
  command
      .add_option("--state-dir", o.state_dir,
                  "Folder of the accepted tasks (default: octoscale in $XDG_STATE_HOME)")
      ->type_name("DIR")
      ->envname("OCTOSCALE_STATE_DIR")
      ->group(group);
  AddNumber(command, group, "--request-timeout", flags.request_s,
            "A caller that waits longer gets 504; its task goes on", 1, 604'800, "S");
  AddNumber(command, group, "--drain-timeout", flags.drain_s,
            "After SIGTERM, time for the accepted tasks; the next start finishes the rest", 0,
            86'400, "S");
  command.add_flag("--quiet", flags.quiet, "Log nothing but errors")->group(group);
}

void AddClipFlags(CLI::App& command, ServeFlags& flags) {
  const char* group = "Upscaling";
  command
      .add_option(
          "--deadline", flags.deadline,
          "For a whole task (40s), queue and transfers included; deadline_s of a request wins")
      ->type_name("TIME")
      ->group(group);
  AddOption(command, group, "--late", flags.late,
            "A clip that can't meet it: run it as fast as is honest, or refuse it", "run|refuse")
      ->check(CLI::IsMember({"run", "refuse"}));
  ClipLimits& limits = flags.options.clip_limits;
  AddNumber(command, group, "--max-clip-pixels", limits.pixels_max,
            "Of an input's frame at scale 2; at scale 4 a quarter of it. Clips with more fail", 1,
            double{kFrameSideMax} * kFrameSideMax);
  AddNumber(command, group, "--max-clip-seconds", limits.seconds_max, "Longer clips fail", 0.001,
            604'800, "S");
  AddNumber(command, group, "--max-clip-frames", limits.frames_max, "Clips with more fail", 1, 1e9);
  command
      .add_flag("--check-answers", flags.options.check_answers,
                "Check every result as `octoscale verify --task` does")
      ->group(group);
  command.add_option("-m,--model", flags.engine.model, "Network when a request names none")
      ->type_name("NAME")
      ->group(group);
  command.add_option("--models-dir", flags.engine.models_dir, "Look for weights here first")
      ->type_name("DIR")
      ->group(group);
  AddOption(command, group, "--precision", flags.engine.precision,
            "Arithmetic: auto, fp32, bf16 or int16", "TYPE")
      ->check(CLI::IsMember({"auto", "fp32", "bf16", "int16"}));
  AddNumber(command, group, "--threads", flags.engine.threads,
            "Threads of the network; 0: one per core", 0, 1024);
  // For tests: the answers are enlarged pixels.
  command.add_option("--simulate-ms-per-frame", flags.simulate_ms_per_frame)
      ->check(CLI::Range(0.0, 3'600'000.0))
      ->group("");
  command.add_option("--segment-frames", flags.options.clip.pipeline.journal.segment_frames)
      ->check(CLI::PositiveNumber)
      ->group("");
}

void AddDownloadFlags(CLI::App& command, ServeFlags& flags) {
  const char* group = "Downloads";
  AddNumber(command, group, "--download-timeout", flags.download_s, "For one clip", 0.1, 86'400,
            "S");
  AddNumber(command, group, "--max-download-mb", flags.download_mb_max, "Of one clip, MiB", 0.001,
            kMany);
  AddNumber(command, group, "--min-download-rate", flags.download_rate_min,
            "Least bytes per second", 0, 1e9);
  AddNumber(command, group, "--rate-window", flags.rate_window_s,
            "Over which least rates are measured, uploads' too", 1, 3600, "S");
  command
      .add_option("--download-host", flags.only_hosts,
                  "Download from these hosts only; may be repeated")
      ->type_name("HOST[:PORT]|*.DOMAIN")
      ->group(group);
  command
      .add_option("--allow-host", flags.allowed_hosts,
                  "Download from this host even if its address is private; may be repeated")
      ->type_name("HOST[:PORT]")
      ->group(group);
  command
      .add_option("--ca-file", flags.ca_path, "PEM certificates to trust instead of the system's")
      ->type_name("FILE")
      ->group(group);
}

void AddStorageFlags(CLI::App& command, ServeFlags& flags) {
  S3Options& s3 = flags.options.s3;
  const char* group = "S3 storage of results (the secret key: MINER_STORAGE_S3_SECRET_ACCESS_KEY)";
  const auto add = [&](const char* name, std::string& value, const char* help, const char* type,
                       const char* variable) {
    command.add_option(name, value, help)->type_name(type)->envname(variable)->group(group);
  };
  add("--s3-endpoint", s3.endpoint, "https://HOST[:PORT]; Amazon's of the region if empty", "URL",
      "MINER_STORAGE_S3_ENDPOINT_URL");
  add("--s3-region", s3.credentials.region, "Region; us-east-1 if empty", "NAME",
      "MINER_STORAGE_S3_REGION");
  add("--s3-bucket", s3.bucket, "Bucket", "NAME", "MINER_STORAGE_S3_BUCKET_NAME");
  add("--s3-access-key-id", s3.credentials.access_key_id, "Key", "ID",
      "MINER_STORAGE_S3_ACCESS_KEY_ID");
  command
      .add_option("--s3-secret-file", flags.s3_secret_path,
                  "File with the secret key; a flag would show it to every user")
      ->type_name("FILE")
      ->group(group);
  command
      .add_flag("--s3-bucket-in-host", s3.bucket_in_host,
                "BUCKET.HOST instead of HOST/BUCKET; always so at Amazon")
      ->group(group);
  AddNumber(command, group, "--presigned-expiry", flags.presigned_expiry_s,
            "How long a result's URL is good; 604800 at most counts", 1, 1e9, "S")
      ->envname("MINER_STORAGE_S3_PRESIGNED_EXPIRY");
  AddNumber(command, group, "--upload-timeout", flags.upload_s, "For one attempt", 0.1, 86'400,
            "S");
  AddNumber(command, group, "--min-upload-rate", flags.upload_rate_min, "Least bytes per second", 0,
            1e9);
}

void AddFileFlags(CLI::App& command, ServeFlags& flags) {
  const char* group = "Temporary files";
  AddNumber(command, group, "--temp-interval", flags.sweep_s, "Between two cleanings", 0.05, 86'400,
            "S");
  AddNumber(command, group, "--temp-age", flags.temp_age_s,
            "Results and leftovers are removed then; 0: expiry of the URLs + 600", 0, 1e9, "S");
  AddNumber(command, group, "--max-temp-mb", flags.temp_mb_max,
            "The oldest are removed above this, million bytes", 0, kMany);
}

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

Result<std::string> DefaultStateDir() {
  // systemd names the folder of StateDirectory=, the first of a list.
  const std::string given = Environment("STATE_DIRECTORY");
  if (!given.empty()) return given.substr(0, given.find(':'));
  const std::filesystem::path state = UserStateFolder();
  if (!state.empty()) return (state / "octoscale").string();
  return InvalidArgument("there is no $HOME; give --state-dir");
}

Result<std::string> ReadSecret(const std::string& path) {
  if (path.empty()) return Environment("MINER_STORAGE_S3_SECRET_ACCESS_KEY");
  std::ifstream file(path);
  std::string secret;
  if (!file || !std::getline(file, secret)) {
    return NotFound(path + ": can't be read, or is empty; expected the secret key of S3");
  }
  while (!secret.empty() && (secret.back() == '\r' || secret.back() == ' ')) secret.pop_back();
  return secret;
}

Result<std::vector<HostRule>> ParseHosts(const std::vector<std::string>& texts) {
  std::vector<HostRule> rules;
  for (const std::string& text : texts) {
    OCTO_ASSIGN_OR_RETURN(HostRule rule, ParseHostRule(text));
    rules.push_back(std::move(rule));
  }
  return rules;
}

// Providers share their upscalers; a clip wants one of its own.
class SharedUpscaler : public FrameUpscaler {
 public:
  explicit SharedUpscaler(std::shared_ptr<FrameUpscaler> shared) : shared_(std::move(shared)) {}
  const UpscalerInfo& info() const override { return shared_->info(); }
  Result<std::vector<Frame>> Upscale(std::vector<Frame> batch, const CancelToken& cancel) override {
    return shared_->Upscale(std::move(batch), cancel);
  }

 private:
  const std::shared_ptr<FrameUpscaler> shared_;
};

Status SetClip(const ServeFlags& flags, ServiceOptions* options) {
  OCTO_ASSIGN_OR_RETURN(options->clip.model, ResolveEngineFlags(flags.engine));
  options->clip.late = flags.late == "refuse" ? LatePolicy::kRefuse : LatePolicy::kRun;
  options->clip.pipeline.journal.program = std::string("octoscale ") + OCTOSCALE_VERSION;
  if (!flags.deadline.empty()) {
    OCTO_ASSIGN_OR_RETURN(options->deadline_seconds, ParseDeadline(flags.deadline));
  }
  if (flags.simulate_ms_per_frame < 0) return OkStatus();
  const auto provider = worker::MakeSimulatedProvider(
      std::chrono::microseconds(static_cast<int64_t>(flags.simulate_ms_per_frame * 1000)));
  options->clip.make_upscaler =
      [provider](const ModelRequest& request) -> Result<std::unique_ptr<FrameUpscaler>> {
    OCTO_ASSIGN_OR_RETURN(std::shared_ptr<FrameUpscaler> upscaler,
                          provider->Make({request.model, request.engine.scale, 0}));
    return std::unique_ptr<FrameUpscaler>(std::make_unique<SharedUpscaler>(std::move(upscaler)));
  };
  return OkStatus();
}

Status SetTransfers(const ServeFlags& flags, ServiceOptions* options) {
  DownloadOptions& download = options->download;
  download.timeout = Milliseconds(flags.download_s);
  download.bytes_max = static_cast<uint64_t>(flags.download_mb_max * kMebibyte);
  download.rate_bytes_per_s_min = static_cast<uint64_t>(flags.download_rate_min);
  download.rate_window = std::chrono::seconds(flags.rate_window_s);
  download.ca_path = flags.ca_path;
  OCTO_ASSIGN_OR_RETURN(download.only_hosts, ParseHosts(flags.only_hosts));
  OCTO_ASSIGN_OR_RETURN(download.allowed_hosts, ParseHosts(flags.allowed_hosts));
  S3Options& s3 = options->s3;
  if (s3.credentials.region.empty()) s3.credentials.region = "us-east-1";
  OCTO_ASSIGN_OR_RETURN(s3.credentials.secret_access_key, ReadSecret(flags.s3_secret_path));
  s3.presigned_expiry = std::chrono::seconds(flags.presigned_expiry_s);
  s3.timeout = Milliseconds(flags.upload_s);
  s3.rate_bytes_per_s_min = static_cast<uint64_t>(flags.upload_rate_min);
  s3.rate_window = std::chrono::seconds(flags.rate_window_s);
  s3.ca_path = flags.ca_path;
  return OkStatus();
}

}  // namespace

void AddServeFlags(CLI::App& command, ServeFlags& flags) {
  flags.engine.model.clear();  // the task's own
  AddServingFlags(command, flags);
  AddClipFlags(command, flags);
  AddDownloadFlags(command, flags);
  AddStorageFlags(command, flags);
  AddFileFlags(command, flags);
  ServiceOptions& o = flags.options;
  AddAccessFlags(command, o.token_path, o.insecure, o.tls_cert_path, o.tls_key_path);
}

Result<ServiceOptions> ServiceOptionsOf(const ServeFlags& flags) {
  ServiceOptions options = flags.options;
  if (options.state_dir.empty()) {
    OCTO_ASSIGN_OR_RETURN(options.state_dir, DefaultStateDir());
  }
  OCTO_RETURN_IF_ERROR(SetClip(flags, &options));
  OCTO_RETURN_IF_ERROR(SetTransfers(flags, &options));
  options.http.request_timeout = Milliseconds(flags.request_s);
  options.temp.interval = Milliseconds(flags.sweep_s);
  const std::chrono::seconds expiry = std::min(options.s3.presigned_expiry, kPresignedExpiryMax);
  options.temp.age_max = flags.temp_age_s > 0
                             ? std::chrono::seconds(flags.temp_age_s)
                             : expiry + std::chrono::seconds(kPresignedGraceSeconds);
  options.temp.bytes_max = static_cast<uint64_t>(flags.temp_mb_max * 1e6);
  return options;
}

}  // namespace octoscale
