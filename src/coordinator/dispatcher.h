// Sends batches to workers over HTTP until each has come back once: which worker, how often, how
// long, and what to do when one fails.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "coordinator/infer_message.h"
#include "coordinator/speed.h"
#include "coordinator/trace_id.h"
#include "coordinator/worker_report.h"
#include "http/client.h"

namespace octoscale::coordinator {

struct DispatcherOptions {
  std::string model;  // name or alias, as the workers understand it
  int scale = 2;
  int patch_size = 0;   // 0: the worker chooses
  std::string token;    // for Authorization: Bearer; empty: none
  std::string ca_path;  // PEM; empty: the system's certificates
  int batches_per_worker = 2;
  // With no worker to send to, wait this long and then fail.
  std::chrono::milliseconds worker_timeout{60'000};
  // For one batch on one worker; sent along as X-Deadline-Ms, and the worker answers 504 then.
  std::chrono::milliseconds batch_deadline{300'000};
  // How much longer that answer may take: the request's way there, and its own way back.
  std::chrono::milliseconds deadline_grace{5'000};
  // A busy worker that sent nothing for so long is asked whether it lives, and has as long again
  // for the answer.
  std::chrono::milliseconds liveness_interval{3'000};
  // Answers on their way, all together. One batch always fits.
  uint64_t answer_bytes_max = uint64_t{2} << 30;
  // Called with one line for each event; from several threads. May be empty.
  std::function<void(const std::string& line)> on_event;
  // Called with "NAME is not used: why" for a worker that is refused for good. May be empty.
  std::function<void(const std::string& warning)> on_refused;
};

struct JobOutcome {
  Status status;
  // Set with an error: the batch itself failed on several workers, so one of its frames may be bad.
  bool batch_failed = false;
  ByteBuffer body;          // when ok
  size_t pixel_offset = 0;  // of the tensor in `body`
};

// All state belongs to one thread of its own; the public members are thread-safe.
class Dispatcher {
 public:
  // `urls`: normalised; "" for a worker whose address comes later, with SetAddress(). `names`: what
  // to call them. Errors: those of http::Client::Create.
  static Result<std::unique_ptr<Dispatcher>> Create(DispatcherOptions options,
                                                    const std::vector<std::string>& urls,
                                                    const std::vector<std::string>& names);
  // Jobs that are not done end with Cancelled.
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // Waits until work can begin; the identity is the one that all workers must have. Errors:
  // Unavailable (nobody answered within worker_timeout), Unsupported (all were refused), each with
  // every worker's reason; Cancelled.
  Result<WorkerIdentity> WaitReady(const CancelToken& cancel);

  // After WaitReady() only. The outcome's errors: Unavailable, Internal, Cancelled,
  // DeadlineExceeded (of `cancel`).
  std::future<JobOutcome> Submit(Tensor tensor, const CancelToken& cancel);

  void SetAddress(size_t worker, const std::string& url);
  // Its process ended; it may come back with SetAddress() unless `for_good`.
  void SetGone(size_t worker, const std::string& reason, bool for_good);

  // What every worker takes that joined and was not refused. Larger tensors are sent too, to one
  // that takes them if there is any.
  RequestLimits Limits() const;

  // Has every batch whose outcome was handed out.
  std::vector<WorkerReport> Reports() const;

 private:
  using Clock = std::chrono::steady_clock;
  using RequestId = http::Client::RequestId;

  enum class State {
    kDown,       // tried again at retry_at
    kJoining,    // asked whether it is ready, and what it is
    kCandidate,  // waits for the others, so that all can be compared
    kUp,
    kRefused,  // for good
  };

  struct Worker {
    std::string name;
    std::string url;
    State state = State::kDown;
    std::string reason = "it was not asked yet";
    Clock::time_point retry_at{};
    int downs = 0;  // since its last good batch
    int failures_in_row = 0;
    bool was_up = false;
    bool asked = false;  // the first try to join has ended
    WorkerIdentity identity;
    std::optional<RequestId> join_request;
    std::optional<RequestId> live_request;
    bool doubted = false;  // missed an answer; sent nothing until it says that it lives
    Clock::time_point paused_until{};
    Clock::time_point last_heard{};
    Clock::time_point last_done{};  // since when it computes what it has, or is idle
    Clock::time_point last_sent{};
    int attempts = 0;
    int frames = 0;  // in those
    SpeedEstimate speed;
    WorkerReport report;
  };

  struct Job {
    uint64_t number = 0;
    Tensor tensor;
    CancelToken cancel;
    std::promise<JobOutcome> promise;
    std::vector<size_t> tried;
    int running = 0;   // attempts
    int answered = 0;  // attempts that failed with an answer
    int lost = 0;      // attempts whose worker was lost meanwhile
    Clock::time_point not_before{};
    std::string last_error;
    JobOutcome outcome;  // once finished
  };

  struct Attempt {
    Job* job = nullptr;
    size_t worker = 0;
    Clock::time_point start{};
    int queued_frames = 0;  // of the worker, with this batch's
    bool hedge = false;
    std::string trace;
  };

  enum class Blame {
    kNobody,  // busy, or never reached: costs no attempt
    kWorker,  // lost in the middle
    kAnswer,  // answered with a failure
  };

  Dispatcher(DispatcherOptions options, std::unique_ptr<http::Client> client,
             const std::vector<std::string>& urls, const std::vector<std::string>& names);

  void Run();
  void Post(std::function<void()> task);
  void Event(const std::string& line) const;
  void PublishReports();

  // Members (dispatcher_members.cc).
  void CheckMembers(Clock::time_point now);
  void StartJoin(size_t index);
  void OnReady(size_t index, const http::ClientAnswer& answer);
  void StartIdentify(size_t index);
  void OnIdentity(size_t index, const http::ClientAnswer& answer);
  void Joined(size_t index, WorkerIdentity identity);
  void Admit(size_t index);
  void AnnounceReady();
  void EndGathering(Clock::time_point now);
  void CheckAlive(size_t index, Clock::time_point now);
  void AskWhetherAlive(size_t index);
  void MarkDown(size_t index, const std::string& reason);
  void Refuse(size_t index, const std::string& reason);
  void DropRequests(Worker* worker);
  std::string AllReasons() const;
  bool AllRefused() const;
  http::ClientRequest GetRequest(const Worker& worker, const std::string& path) const;

  // Jobs (dispatcher.cc) and what becomes of their attempts (dispatcher_answers.cc).
  void CheckJobs(Clock::time_point now);
  void CheckStarved(Clock::time_point now);
  void StartJobs(Clock::time_point now);
  void StartHedges(Clock::time_point now);
  static bool TakesWork(const Worker& worker, Clock::time_point now);
  std::optional<size_t> Pick(const Job& job, Clock::time_point now) const;
  double SecondsUntilDone(const Worker& worker, int frames, Clock::time_point now) const;
  void Send(Job* job, size_t index, bool hedge, Clock::time_point now);
  void OnAnswer(RequestId id, http::ClientAnswer answer);
  void OnGoodAnswer(const Attempt& attempt, http::ClientAnswer answer, size_t pixel_offset);
  void OnHttpError(const Attempt& attempt, const http::ClientAnswer& answer);
  void OnTransportError(const Attempt& attempt, const http::ClientAnswer& answer);
  void OnLate(const Attempt& attempt, const std::string& reason);
  void AttemptFailed(const Attempt& attempt, Blame blame, const std::string& reason);
  void DropAttempts(const std::function<bool(const Attempt&)>& which,
                    const std::function<void(const Attempt&)>& then);
  void ForgetAttempt(const Attempt& attempt);
  void Finish(Job* job, JobOutcome outcome);
  void Deliver();
  void FailAll(const Status& status);
  uint64_t AnswerBytes(const Job& job) const;

  const DispatcherOptions options_;
  const std::unique_ptr<http::Client> client_;
  const TraceId trace_;

  std::vector<Worker> workers_;
  std::list<Job> jobs_;      // in the order submitted
  std::list<Job> finished_;  // their callers still wait
  std::map<RequestId, Attempt> attempts_;
  HedgePolicy hedging_;
  std::optional<WorkerIdentity> reference_;
  bool gathering_ = true;
  Clock::time_point started_{};
  std::optional<Clock::time_point> starved_since_;
  uint64_t answer_bytes_ = 0;
  uint64_t next_job_ = 1;
  bool look_ = false;  // something changed: see what can be sent, without waiting for the tick

  mutable std::mutex mutex_;
  std::vector<std::function<void()>> inbox_;
  std::vector<WorkerReport> reports_;
  RequestLimits limits_;
  bool stopping_ = false;
  std::promise<Result<WorkerIdentity>> ready_;
  std::shared_future<Result<WorkerIdentity>> ready_future_;
  bool ready_set_ = false;  // the loop's
  std::thread thread_;
};

}  // namespace octoscale::coordinator
