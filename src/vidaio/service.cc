#include "vidaio/service.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "http/server.h"
#include "vidaio/clip_plan.h"
#include "vidaio/front_desk.h"
#include "vidaio/job_queue.h"
#include "vidaio/job_runner.h"
#include "vidaio/job_store.h"
#include "vidaio/result_files.h"
#include "vidaio/service_routes.h"
#include "vidaio/tasks.h"

namespace octoscale {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kLastAnswers{2'000};
constexpr std::chrono::milliseconds kStorePause{10'000};  // before a finished task is stored again

Status MakePrivateFolder(const std::string& path) {
  std::error_code error;
  if (fs::is_symlink(path, error)) return InvalidArgument(path + " is a link; remove it");
  fs::create_directories(path, error);
  if (error) return ErrnoStatus(error.value(), path);
  if (chmod(path.c_str(), 0700) != 0) return ErrnoStatus(errno, path);
  return OkStatus();
}

// Loads what tasks want once, so that a service without weights says so at its start.
Status CheckModels(const ClipJob& clip) {
  if (clip.make_upscaler) return OkStatus();
  std::set<std::pair<std::string, int>> wanted;
  for (const VidaioTask& task : VidaioTasks()) {
    wanted.emplace(clip.model.model.empty() ? task.model : clip.model.model, task.scale);
  }
  for (const auto& [model, scale] : wanted) {
    ModelRequest request = clip.model;
    request.model = model;
    request.resample = true;
    request.engine.scale = scale;
    const Status loaded = CreateModelUpscaler(request).status();
    if (!loaded.ok()) return loaded.WithContext("loading the network of the tasks");
  }
  return OkStatus();
}

Result<http::ServerOptions> MakeServerOptions(const ServiceOptions& options,
                                              const std::string& listen) {
  OCTO_ASSIGN_OR_RETURN(http::ServerOptions server,
                        http::GuardedServerOptions(listen, options.token_path, options.insecure));
  server.tls_cert_path = options.tls_cert_path;
  server.tls_key_path = options.tls_key_path;
  server.limits = options.http;
  return server;
}

}  // namespace

class VidaioService::Impl {
 public:
  Impl(ServiceOptions options, SharedVolume volume, std::unique_ptr<JobStore> store,
       std::optional<S3Client> s3, std::string storage_problem,
       std::function<void(const std::string&)> log);
  ~Impl() { Stop(); }

  Status Bind();
  Status Recover();
  void Start();
  void BeginDrain();
  bool WaitDrained(std::chrono::milliseconds timeout);
  void Stop();

  const ServiceOptions& options() const { return options_; }
  const http::Server& server() const { return *server_; }
  const http::Server* older_server() const { return older_server_.get(); }

 private:
  Result<std::unique_ptr<http::Server>> MakeServer(const std::string& listen);
  void OnFinished(const JobRecord& job);
  bool Store(const JobRecord& job);
  void SweepLoop();
  void SweepOnce();
  void AddReaders();
  metrics::Counter& LateTasks();
  void SayIfInTime(const JobRecord& job);

  const ServiceOptions options_;
  const SharedVolume volume_;
  const std::unique_ptr<JobStore> store_;
  const std::optional<S3Client> s3_;
  const std::function<void(const std::string&)> log_;
  metrics::Registry metrics_;
  ResultFiles files_;
  JobRunner runner_;
  JobQueue queue_;
  FrontDesk desk_;
  TaskThread desk_thread_;
  ServiceContext context_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<http::Server> older_server_;
  std::mutex sweep_mutex_;
  std::condition_variable sweep_wake_;
  bool stopping_ = false;
  std::thread sweeper_;
};

VidaioService::Impl::Impl(ServiceOptions options, SharedVolume volume,
                          std::unique_ptr<JobStore> store, std::optional<S3Client> s3,
                          std::string storage_problem, std::function<void(const std::string&)> log)
    : options_(std::move(options)),
      volume_(std::move(volume)),
      store_(std::move(store)),
      s3_(std::move(s3)),
      log_(std::move(log)),
      files_(volume_, *store_, options_.temp),
      runner_({&options_, &volume_, store_.get(), &files_, s3_ ? &*s3_ : nullptr, &metrics_, log_}),
      queue_(
          options_.concurrent_max, options_.queue_max,
          [this](JobRecord* job, const CancelToken& cancel) { return runner_.Run(job, cancel); },
          [this](const JobRecord& job) { OnFinished(job); },
          [this](const JobRecord& job) { return Store(job); }),
      desk_({&options_, &volume_, store_.get(), &queue_, s3_ ? &*s3_ : nullptr, storage_problem}) {
  context_.options = &options_;
  context_.desk = &desk_;
  context_.desk_thread = &desk_thread_;
  context_.queue = &queue_;
  context_.metrics = &metrics_;
  context_.storage_problem = std::move(storage_problem);
  AddReaders();
}

void VidaioService::Impl::AddReaders() {
  metrics_.AddReader("octoscale_vidaio_active_tasks", "Tasks that run.",
                     [this] { return static_cast<double>(queue_.state().active_tasks); });
  metrics_.AddReader("octoscale_vidaio_queued_tasks", "Tasks that wait.",
                     [this] { return static_cast<double>(queue_.state().queued_tasks); });
  static_cast<void>(LateTasks());  // 0 from the start
}

metrics::Counter& VidaioService::Impl::LateTasks() {
  return metrics_.AddCounter("octoscale_vidaio_tasks_late_total",
                             "Tasks that ended after their deadline.");
}

Result<std::unique_ptr<http::Server>> VidaioService::Impl::MakeServer(const std::string& listen) {
  OCTO_ASSIGN_OR_RETURN(http::ServerOptions server, MakeServerOptions(options_, listen));
  server.observer.on_exchange = [this](const http::ExchangeRecord& record) {
    metrics_
        .AddCounter("octoscale_requests_total",
                    "Requests by route and code; code 0: the peer left before an answer.",
                    {{"route", record.route.empty() ? "none" : record.route},
                     {"code", std::to_string(record.status)}})
        .Add();
    log_(http::FormatExchange(record));
  };
  return http::Server::Create(std::move(server), MakeServiceRouter(&context_));
}

Status VidaioService::Impl::Bind() {
  OCTO_ASSIGN_OR_RETURN(server_, MakeServer(options_.listen));
  if (options_.older_listen == "none") return OkStatus();
  auto older = MakeServer(options_.older_listen);
  if (older.ok()) {
    older_server_ = std::move(*older);
    return OkStatus();
  }
  if (options_.older_listen_required || older.status().code() != StatusCode::kUnavailable) {
    return older.status();
  }
  log_("warning: " + older.status().message() + "; the older API is served on " + options_.listen +
       " only");
  return OkStatus();
}

Status VidaioService::Impl::Recover() {
  OCTO_ASSIGN_OR_RETURN(std::vector<JobRecord> jobs, store_->Unfinished());
  for (JobRecord& job : jobs) {
    log_("task " + job.id + ": accepted by an earlier service; going on with it");
    job.state = JobState::kQueued;
    for (ClipRecord& clip : job.clips) {
      if (clip.state == JobState::kRunning) clip.state = JobState::kQueued;
    }
    const Status saved = store_->SaveAll(job);
    if (!saved.ok()) log_("task " + job.id + ": " + saved.message());
    queue_.Push(std::move(job), {});
  }
  return OkStatus();
}

void VidaioService::Impl::SayIfInTime(const JobRecord& job) {
  if (job.deadline_ms <= 0) return;
  if (job.late()) LateTasks().Add();
  log_("task " + job.id + ": " + (job.late() ? "late: " : "in time: ") +
       ShortSeconds(static_cast<double>(job.taken_ms) / 1000) + " of " +
       ShortSeconds(static_cast<double>(job.deadline_ms) / 1000) +
       ", queue and transfers included");
}

void VidaioService::Impl::OnFinished(const JobRecord& job) {
  SayIfInTime(job);
  metrics_
      .AddCounter("octoscale_vidaio_tasks_total", "Tasks that ended.",
                  {{"result", std::string(JobStateName(job.state))}})
      .Add();
}

bool VidaioService::Impl::Store(const JobRecord& job) {
  const Status saved = store_->SaveAll(job);
  if (!saved.ok()) {
    log_("task " + job.id + ": its end can't be stored and is kept in memory: " + saved.message());
    return false;
  }
  std::error_code ignored;
  fs::remove_all(JobFolder(volume_, job), ignored);
  return true;
}

void VidaioService::Impl::SweepOnce() {
  const int64_t now = UnixSeconds();
  const ResultFiles::Swept swept =
      files_.Sweep(now, [this] { return FilesOf(queue_.Asked(), volume_); });
  if (swept.files > 0) {
    log_("removed " + std::to_string(swept.files) + " old temporary files, " +
         std::to_string(swept.bytes) + " bytes");
  }
  const Status removed = store_->RemoveJobs(now - options_.jobs_kept.count());
  if (!removed.ok()) log_(removed.message());
}

void VidaioService::Impl::SweepLoop() {
  using Clock = std::chrono::steady_clock;
  const auto pause = std::min(options_.temp.interval, kStorePause);
  Clock::time_point next_sweep = Clock::now();
  std::unique_lock lock(sweep_mutex_);
  while (!stopping_) {
    lock.unlock();
    queue_.StoreAgain();
    if (Clock::now() >= next_sweep) {
      SweepOnce();
      next_sweep = Clock::now() + options_.temp.interval;
    }
    lock.lock();
    sweep_wake_.wait_for(lock, pause, [this] { return stopping_; });
  }
}

void VidaioService::Impl::Start() {
  queue_.Start();
  sweeper_ = std::thread([this] { SweepLoop(); });
  server_->Start();
  if (older_server_) older_server_->Start();
}

void VidaioService::Impl::BeginDrain() {
  runner_.BeginDrain();  // first: a second signal may come at once
  context_.draining = true;
  server_->BeginDrain();
  if (older_server_) older_server_->BeginDrain();
}

bool VidaioService::Impl::WaitDrained(std::chrono::milliseconds timeout) {
  const bool idle = queue_.WaitIdle(timeout);
  if (idle) {
    static_cast<void>(server_->WaitDrained(kLastAnswers));
    if (older_server_) static_cast<void>(older_server_->WaitDrained(kLastAnswers));
  }
  return idle;
}

void VidaioService::Impl::Stop() {
  {
    const std::lock_guard lock(sweep_mutex_);
    if (stopping_) return;
    stopping_ = true;
  }
  // Before the start the database tells of an earlier process's crash, which does count.
  if (sweeper_.joinable()) runner_.BeginDrain();
  context_.draining = true;
  sweep_wake_.notify_all();
  desk_thread_.Stop();
  if (sweeper_.joinable()) sweeper_.join();
  queue_.Stop();
  // Callers whose tasks were stopped are told so before the connections close.
  for (http::Server* server : {server_.get(), older_server_.get()}) {
    if (server == nullptr) continue;
    server->BeginDrain();
    static_cast<void>(server->WaitDrained(kLastAnswers));
    server->Stop();
  }
}

Result<std::unique_ptr<VidaioService>> VidaioService::Create(
    ServiceOptions options, std::function<void(const std::string& line)> log) {
  if (options.concurrent_max < 1 || options.queue_max < 0) {
    return InvalidArgument(
        "MAX_CONCURRENT_UPSCALING must be at least 1, MAX_QUEUE_SIZE_UPSCALING 0");
  }
  if (!log) log = [](const std::string&) {};
  OCTO_ASSIGN_OR_RETURN(SharedVolume volume, SharedVolume::Open(options.shared_volume));
  OCTO_RETURN_IF_ERROR(MakePrivateFolder(volume.work_folder()));
  std::optional<S3Client> s3;
  std::string storage_problem;
  if (options.s3.Missing().empty()) {
    OCTO_ASSIGN_OR_RETURN(s3, S3Client::Create(options.s3));
  } else {
    storage_problem = S3Client::Create(options.s3).status().message();
  }
  OCTO_RETURN_IF_ERROR(MakePrivateFolder(options.state_dir));
  OCTO_ASSIGN_OR_RETURN(std::unique_ptr<JobStore> store,
                        JobStore::Open(options.state_dir + "/vidaio.sqlite"));
  auto impl = std::make_unique<Impl>(std::move(options), std::move(volume), std::move(store),
                                     std::move(s3), std::move(storage_problem), std::move(log));
  OCTO_RETURN_IF_ERROR(impl->Bind());
  OCTO_RETURN_IF_ERROR(CheckModels(impl->options().clip));
  OCTO_RETURN_IF_ERROR(impl->Recover());
  return std::unique_ptr<VidaioService>(new VidaioService(std::move(impl)));
}

VidaioService::VidaioService(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
VidaioService::~VidaioService() = default;

void VidaioService::Start() { impl_->Start(); }
uint16_t VidaioService::port() const { return impl_->server().port(); }
uint16_t VidaioService::older_port() const {
  return impl_->older_server() == nullptr ? uint16_t{0} : impl_->older_server()->port();
}
void VidaioService::BeginDrain() { impl_->BeginDrain(); }
bool VidaioService::WaitDrained(std::chrono::milliseconds timeout) {
  return impl_->WaitDrained(timeout);
}
void VidaioService::Stop() { impl_->Stop(); }

}  // namespace octoscale
