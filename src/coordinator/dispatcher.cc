#include "coordinator/dispatcher.h"

#include <algorithm>
#include <new>
#include <utility>

namespace octoscale::coordinator {
namespace {

// How often tokens, timers and health are looked at when nothing else happens.
constexpr std::chrono::milliseconds kTick{10};
constexpr double kSpeedUnknown = 0.05;  // seconds per frame, until something is measured
constexpr auto kForgetAfter = std::chrono::seconds(10);
// An attempt that has been running for so long shows that there is a worker.
constexpr auto kRunningWell = std::chrono::seconds(5);

double Seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

Result<std::unique_ptr<Dispatcher>> Dispatcher::Create(DispatcherOptions options,
                                                       const std::vector<std::string>& urls,
                                                       const std::vector<std::string>& names) {
  http::ClientOptions client_options;
  client_options.ca_path = options.ca_path;
  // One more than the batches of each worker, for the questions after its health.
  client_options.connections_max = static_cast<int>(urls.size()) * (options.batches_per_worker + 1);
  OCTO_ASSIGN_OR_RETURN(std::unique_ptr<http::Client> client, http::Client::Create(client_options));
  return std::unique_ptr<Dispatcher>(
      new Dispatcher(std::move(options), std::move(client), urls, names));
}

Dispatcher::Dispatcher(DispatcherOptions options, std::unique_ptr<http::Client> client,
                       const std::vector<std::string>& urls, const std::vector<std::string>& names)
    : options_(std::move(options)), client_(std::move(client)), started_(Clock::now()) {
  for (size_t i = 0; i < urls.size(); ++i) {
    Worker worker;
    worker.name = names[i];
    worker.url = urls[i];
    worker.report.name = names[i];
    workers_.push_back(std::move(worker));
  }
  ready_future_ = ready_.get_future().share();
  PublishReports();
  thread_ = std::thread([this] { Run(); });
}

Dispatcher::~Dispatcher() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  client_->Wake();
  thread_.join();
  FailAll(Cancelled("stopped on request"));
  Deliver();
}

void Dispatcher::Post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    inbox_.push_back(std::move(task));
  }
  client_->Wake();
}

void Dispatcher::Event(const std::string& line) const {
  if (options_.on_event) options_.on_event(line);
}

std::vector<WorkerReport> Dispatcher::Reports() const {
  const std::lock_guard lock(mutex_);
  return reports_;
}

RequestLimits Dispatcher::Limits() const {
  const std::lock_guard lock(mutex_);
  return limits_;
}

void Dispatcher::PublishReports() {
  std::vector<WorkerReport> reports;
  RequestLimits limits;
  for (const Worker& worker : workers_) {
    if (worker.was_up && worker.state != State::kRefused) limits.Narrow(worker.identity.limits);
    WorkerReport report = worker.report;
    switch (worker.state) {
      case State::kUp:
        report.state = "up";
        break;
      case State::kDown:
        report.state = "down";
        report.reason = worker.reason;
        break;
      case State::kRefused:
        report.state = "refused";
        report.reason = worker.reason;
        break;
      default:
        report.state = "joining";
    }
    reports.push_back(std::move(report));
  }
  const std::lock_guard lock(mutex_);
  reports_ = std::move(reports);
  limits_ = limits;
}

void Dispatcher::Run() {
  Clock::time_point next_look{};
  while (true) {
    std::vector<std::function<void()>> tasks;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      tasks.swap(inbox_);
    }
    try {
      for (const auto& task : tasks) task();
      const Clock::time_point now = Clock::now();
      if (look_ || !tasks.empty() || now >= next_look) {
        look_ = false;
        CheckMembers(now);
        CheckJobs(now);
        next_look = now + kTick;
      }
      Deliver();
      client_->Poll(kTick);
      Deliver();
    } catch (const std::bad_alloc&) {
      FailAll(ResourceExhausted("out of memory; use smaller batches or fewer workers"));
    }
  }
}

void Dispatcher::FailAll(const Status& status) {
  while (!jobs_.empty()) Finish(&jobs_.front(), {status, false, {}, 0});
}

Result<WorkerIdentity> Dispatcher::WaitReady(const CancelToken& cancel) {
  while (ready_future_.wait_for(kTick) != std::future_status::ready) {
    OCTO_RETURN_IF_ERROR(cancel.Check());
  }
  return ready_future_.get();
}

std::future<JobOutcome> Dispatcher::Submit(Tensor tensor, const CancelToken& cancel) {
  std::promise<JobOutcome> promise;
  std::future<JobOutcome> future = promise.get_future();
  // std::function wants to be copyable, a promise isn't.
  auto box = std::make_shared<std::promise<JobOutcome>>(std::move(promise));
  Post([this, box, tensor = std::move(tensor), cancel] {
    Job& job = jobs_.emplace_back();
    job.number = next_job_++;
    job.tensor = tensor;
    job.cancel = cancel;
    job.promise = std::move(*box);
  });
  return future;
}

void Dispatcher::SetAddress(size_t worker, const std::string& url) {
  Post([this, worker, url] {
    Worker& w = workers_[worker];
    if (w.state == State::kRefused) return;
    DropRequests(&w);
    w.url = url;
    w.state = State::kDown;
    w.retry_at = {};
    Event(w.name + ": is at " + url);
  });
}

void Dispatcher::SetGone(size_t worker, const std::string& reason, bool for_good) {
  Post([this, worker, reason, for_good] {
    Worker& w = workers_[worker];
    if (for_good) return Refuse(worker, reason);
    MarkDown(worker, reason);
    w.url.clear();
  });
}

uint64_t Dispatcher::AnswerBytes(const Job& job) const {
  const auto scale = static_cast<uint64_t>(options_.scale);
  return job.tensor.size_bytes() * scale * scale;
}

void Dispatcher::Finish(Job* job, JobOutcome outcome) {
  DropAttempts([job](const Attempt& attempt) { return attempt.job == job; }, {});
  job->outcome = std::move(outcome);
  const auto at =
      std::find_if(jobs_.begin(), jobs_.end(), [job](const Job& other) { return &other == job; });
  finished_.splice(finished_.end(), jobs_, at);
}

// Wakes the callers of what is finished, after the reports say so.
void Dispatcher::Deliver() {
  if (finished_.empty()) return;
  PublishReports();
  for (Job& job : finished_) job.promise.set_value(std::move(job.outcome));
  finished_.clear();
}

void Dispatcher::CheckJobs(Clock::time_point now) {
  std::vector<Job*> stopped;
  for (Job& job : jobs_) {
    if (job.cancel.stopped()) stopped.push_back(&job);
  }
  for (Job* job : stopped) Finish(job, {job->cancel.Check(), false, {}, 0});
  CheckStarved(now);
  StartJobs(now);
  StartHedges(now);
}

// Fails what waits when there has been no worker to send it to for too long. Only a good batch, or
// one that is under way for a while, ends the waiting: a worker that is always "busy" is none.
void Dispatcher::CheckStarved(Clock::time_point now) {
  if (!ready_set_ || jobs_.empty()) {
    starved_since_.reset();
    return;
  }
  const bool refused = AllRefused();
  bool usable = false;
  for (const Worker& worker : workers_) usable |= TakesWork(worker, now);
  for (const auto& [id, attempt] : attempts_) {
    usable = true;
    if (now - attempt.start > kRunningWell) starved_since_.reset();
  }
  if (usable && !refused) return;
  if (!starved_since_) {
    starved_since_ = now;
    Event("no worker can take work; waiting for one");
  }
  if (!refused && now - *starved_since_ < options_.worker_timeout) return;
  const std::string text =
      (refused ? std::string("no worker is left: ")
               : "no worker took work for " +
                     std::to_string(options_.worker_timeout.count() / 1000) + " s: ") +
      AllReasons();
  FailAll(Unavailable(text));
}

void Dispatcher::StartJobs(Clock::time_point now) {
  for (Job& job : jobs_) {
    if (job.running > 0 || job.not_before > now) continue;
    const uint64_t bytes = AnswerBytes(job);
    if (!attempts_.empty() && answer_bytes_ + bytes > options_.answer_bytes_max) return;
    if (const auto index = Pick(job, now)) Send(&job, *index, /*hedge=*/false, now);
  }
}

// Seconds until the worker would have finished `frames` more. A worker that is late with what it
// has counts as no faster than it is late.
double Dispatcher::SecondsUntilDone(const Worker& worker, int frames, Clock::time_point now) const {
  double mean = 0;
  int known = 0;
  for (const Worker& other : workers_) {
    if (!other.speed.known()) continue;
    mean += other.speed.seconds_per_frame();
    ++known;
  }
  double per_frame = worker.speed.known() ? worker.speed.seconds_per_frame()
                                          : (known > 0 ? mean / known : kSpeedUnknown);
  if (worker.attempts > 0) {
    // It computes one of its batches at a time.
    const double batch_frames = static_cast<double>(worker.frames) / worker.attempts;
    per_frame = std::max(per_frame, Seconds(now - worker.last_done) / batch_frames);
  }
  return per_frame * (worker.frames + frames);
}

bool Dispatcher::TakesWork(const Worker& worker, Clock::time_point now) {
  return worker.state == State::kUp && worker.paused_until <= now && !worker.doubted;
}

// The worker that would be done first, if it has room for another batch: it can be right to wait
// for a fast one instead of taking a slow one. Workers that already failed at this batch, or would
// refuse it for its size, come last.
std::optional<size_t> Dispatcher::Pick(const Job& job, Clock::time_point now) const {
  std::optional<size_t> best;
  bool best_fresh = false;
  double best_seconds = 0;
  for (size_t i = 0; i < workers_.size(); ++i) {
    const Worker& worker = workers_[i];
    if (!TakesWork(worker, now)) continue;
    const bool fits =
        job.tensor.frames <= worker.identity.limits.FramesThatFit(job.tensor.frame_bytes());
    const bool fresh = fits && std::find(job.tried.begin(), job.tried.end(), i) == job.tried.end();
    if (best_fresh && !fresh) continue;
    const double seconds = SecondsUntilDone(worker, job.tensor.frames, now);
    const bool better =
        !best || (fresh && !best_fresh) || seconds < best_seconds * 0.999 ||
        (seconds < best_seconds * 1.001 && worker.last_sent < workers_[*best].last_sent);
    if (!better) continue;
    best = i;
    best_fresh = fresh;
    best_seconds = seconds;
  }
  if (best && workers_[*best].attempts >= options_.batches_per_worker) return std::nullopt;
  return best;
}

void Dispatcher::Send(Job* job, size_t index, bool hedge, Clock::time_point now) {
  Worker& worker = workers_[index];
  Attempt attempt;
  attempt.job = job;
  attempt.worker = index;
  attempt.start = now;
  attempt.queued_frames = worker.frames + job->tensor.frames;
  attempt.hedge = hedge;
  attempt.trace = trace_.NextParent();

  http::ClientRequest request = GetRequest(worker, "/v2/models/" + reference_->model + "/infer");
  request.post = true;
  const std::string json = InferRequestJson(job->tensor, options_.scale, options_.patch_size);
  request.fields.push_back({"Content-Type", "application/octet-stream"});
  request.fields.push_back({"Inference-Header-Content-Length", std::to_string(json.size())});
  request.fields.push_back({"X-Deadline-Ms", std::to_string(options_.batch_deadline.count())});
  request.fields.push_back({"traceparent", attempt.trace});
  request.body.push_back(http::BodyPiece::Own(json));
  request.body.push_back({job->tensor.pixels, job->tensor.bytes()});
  request.timeout = options_.batch_deadline + options_.deadline_grace;
  request.answer_bytes_max = AnswerBytes(*job) + 64 * 1024;

  // Workers compute one batch after the other: a batch's time counts from the end of the one
  // before, or from here when there is none.
  if (worker.attempts == 0) worker.last_heard = worker.last_done = now;
  worker.last_sent = now;
  worker.attempts += 1;
  worker.frames += job->tensor.frames;
  job->running += 1;
  job->tried.push_back(index);
  answer_bytes_ += AnswerBytes(*job);
  hedging_.Sent(job->tensor.frames);
  if (hedge) {
    hedging_.Hedged(job->tensor.frames);
    worker.report.hedges += 1;
  }
  Event(worker.name + ": batch " + std::to_string(job->number) + ", " +
        std::to_string(job->tensor.frames) + " frames" + (hedge ? ", hedged" : "") +
        ", traceparent " + attempt.trace);
  auto id = std::make_shared<RequestId>(0);
  *id = client_->Start(std::move(request),
                       [this, id](http::ClientAnswer answer) { OnAnswer(*id, std::move(answer)); });
  attempts_.emplace(*id, std::move(attempt));
}

void Dispatcher::StartHedges(Clock::time_point now) {
  std::vector<Job*> late;
  for (const auto& [id, attempt] : attempts_) {
    const auto limit = hedging_.LateAfter(attempt.queued_frames);
    if (!limit || attempt.job->running > 1 || Seconds(now - attempt.start) < *limit) continue;
    late.push_back(attempt.job);
  }
  for (Job* job : late) {
    if (!hedging_.MayHedge(job->tensor.frames)) return;
    const auto index = Pick(*job, now);
    if (!index) continue;
    // Not on a worker that has it already or had it before.
    if (std::find(job->tried.begin(), job->tried.end(), *index) != job->tried.end()) continue;
    Send(job, *index, /*hedge=*/true, now);
  }
  for (Worker& worker : workers_) {
    if (worker.state != State::kUp || worker.attempts > 0) continue;
    if (now - worker.last_done < kForgetAfter || now - worker.last_sent < kForgetAfter) continue;
    worker.speed.Forget();
    worker.last_done = now;
  }
}

}  // namespace octoscale::coordinator
