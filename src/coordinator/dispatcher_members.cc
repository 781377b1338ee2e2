// Which workers take part: asking whether they are ready and what they are, noticing that one is
// gone, taking it back.
#include <algorithm>
#include <map>
#include <utility>

#include "coordinator/backoff.h"
#include "coordinator/dispatcher.h"

namespace octoscale::coordinator {
namespace {

constexpr std::chrono::milliseconds kReadyTimeout{5'000};
// Loading a network's weights takes seconds on a slow disk.
constexpr std::chrono::milliseconds kIdentifyTimeout{120'000};
// Workers that answer later than this are not waited for when the first can begin.
constexpr std::chrono::milliseconds kGatherTime{10'000};
constexpr std::chrono::milliseconds kNotReadyRetry{250};

// Percent-encodes everything but unreserved characters (RFC 3986, 2.3).
std::string EncodePathSegment(const std::string& text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                       (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_' ||
                       byte == '~';
    if (plain) {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

}  // namespace

http::ClientRequest Dispatcher::GetRequest(const Worker& worker, const std::string& path) const {
  http::ClientRequest request;
  request.url = worker.url + path;
  request.fields.push_back({"User-Agent", "octoscale"});
  if (!options_.token.empty()) {
    request.fields.push_back({"Authorization", "Bearer " + options_.token});
  }
  return request;
}

void Dispatcher::CheckMembers(Clock::time_point now) {
  for (size_t i = 0; i < workers_.size(); ++i) {
    const Worker& worker = workers_[i];
    if (worker.state == State::kDown && !worker.url.empty() && now >= worker.retry_at) StartJoin(i);
    if (worker.state == State::kUp) CheckAlive(i, now);
  }
  if (gathering_) EndGathering(now);
  if (ready_set_) return;
  if (AllRefused()) {
    ready_set_ = true;
    ready_.set_value(Unsupported("no worker can be used: " + AllReasons()));
  } else if (now - started_ >= options_.worker_timeout) {
    ready_set_ = true;
    ready_.set_value(Unavailable("no worker was ready within " +
                                 std::to_string(options_.worker_timeout.count() / 1000) +
                                 " s: " + AllReasons()));
  }
}

void Dispatcher::StartJoin(size_t index) {
  Worker& worker = workers_[index];
  worker.state = State::kJoining;
  http::ClientRequest request = GetRequest(worker, "/v2/health/ready");
  request.connect_timeout = kReadyTimeout;
  request.timeout = kReadyTimeout;
  worker.join_request =
      client_->Start(std::move(request), [this, index](const http::ClientAnswer& answer) {
        workers_[index].join_request.reset();
        look_ = true;
        OnReady(index, answer);
      });
}

void Dispatcher::OnReady(size_t index, const http::ClientAnswer& answer) {
  Worker& worker = workers_[index];
  using http::ClientFailure;
  if (answer.failure != ClientFailure::kNone) {
    worker.asked = true;
    const bool wrong =
        answer.failure == ClientFailure::kTls || answer.failure == ClientFailure::kProtocol;
    if (wrong && !worker.was_up) {
      return Refuse(index, answer.failure == ClientFailure::kTls
                               ? "no trusted TLS connection (" + answer.error +
                                     "); --ca-file names the certificates to trust"
                               : "this is no octoscale worker (" + answer.error + ")");
    }
    return MarkDown(index, answer.error);
  }
  if (answer.status == 200) return StartIdentify(index);
  if (answer.status == 503) {
    worker.state = State::kDown;
    worker.reason = "it is not ready yet (" + StatusText(answer) + ")";
    worker.retry_at = Clock::now() + kNotReadyRetry;
    return;
  }
  worker.asked = true;
  if (answer.status == 401 || answer.status == 403) {
    return Refuse(index, "it doesn't accept the token (" + StatusText(answer) + ")");
  }
  if (answer.status < 500 && !worker.was_up) {
    return Refuse(index,
                  "this is no octoscale worker: GET /v2/health/ready gives " + StatusText(answer));
  }
  MarkDown(index, "GET /v2/health/ready gives " + StatusText(answer));
}

void Dispatcher::StartIdentify(size_t index) {
  Worker& worker = workers_[index];
  http::ClientRequest request =
      GetRequest(worker, "/v2/models/" + EncodePathSegment(options_.model) +
                             "?scale=" + std::to_string(options_.scale));
  request.timeout = kIdentifyTimeout;
  worker.join_request =
      client_->Start(std::move(request), [this, index](const http::ClientAnswer& answer) {
        workers_[index].join_request.reset();
        look_ = true;
        OnIdentity(index, answer);
      });
}

void Dispatcher::OnIdentity(size_t index, const http::ClientAnswer& answer) {
  workers_[index].asked = true;
  if (answer.failure != http::ClientFailure::kNone) return MarkDown(index, answer.error);
  const std::string text = StatusText(answer);
  switch (answer.status) {
    case 200:
      break;
    case 401:
    case 403:
      return Refuse(index,
                    options_.token.empty()
                        ? "it wants a token (" + text + "); --token-file names a file with it"
                        : "it doesn't accept the token of --token-file (" + text + ")");
    case 404:
    case 422:
      return Refuse(index, "it can't serve model " + options_.model + " at scale " +
                               std::to_string(options_.scale) + " (" + text + ")");
    default:
      return MarkDown(index, "GET /v2/models gives " + text);
  }
  Result<WorkerIdentity> identity = ParseModelInfo(answer.body, options_.scale);
  if (!identity.ok()) return Refuse(index, identity.status().message());
  Joined(index, std::move(identity).value());
}

void Dispatcher::Joined(size_t index, WorkerIdentity identity) {
  Worker& worker = workers_[index];
  worker.identity = std::move(identity);
  worker.state = State::kCandidate;
  if (gathering_) return;
  if (!reference_) reference_ = worker.identity;
  Admit(index);
  AnnounceReady();
}

// Takes the worker in if it is like the others.
void Dispatcher::Admit(size_t index) {
  Worker& worker = workers_[index];
  const WorkerIdentity& found = worker.identity;
  const auto differs = [&](const std::string& what, const std::string& a, const std::string& b) {
    Refuse(index, "it differs from the other workers: its " + what + " is '" + a + "', expected '" +
                      b + "'");
  };
  if (found.model != reference_->model) return differs("model", found.model, reference_->model);
  if (found.version != reference_->version) {
    return differs("octoscale version", found.version, reference_->version);
  }
  if (found.fingerprint != reference_->fingerprint) {
    return differs("network", found.fingerprint, reference_->fingerprint);
  }
  const Clock::time_point now = Clock::now();
  worker.state = State::kUp;
  worker.reason.clear();
  worker.failures_in_row = 0;
  worker.paused_until = {};
  worker.last_heard = worker.last_done = now;
  Event(worker.name + (worker.was_up ? ": is back" : ": joined, " + found.fingerprint));
  worker.was_up = true;
  PublishReports();
}

// Once all that are there together are in, so that what they take is known.
void Dispatcher::AnnounceReady() {
  const bool any_up = std::any_of(workers_.begin(), workers_.end(),
                                  [](const Worker& worker) { return worker.state == State::kUp; });
  if (ready_set_ || !any_up) return;
  ready_set_ = true;
  ready_.set_value(*reference_);
}

// The identity that most of the first workers share is the one that all must have; the first named
// wins a tie.
void Dispatcher::EndGathering(Clock::time_point now) {
  size_t waiting = 0;
  std::map<std::string, int> votes;
  for (const Worker& worker : workers_) {
    if (worker.state == State::kCandidate) {
      const WorkerIdentity& id = worker.identity;
      votes[id.model + '\n' + id.version + '\n' + id.fingerprint] += 1;
    } else if (!worker.asked && worker.state != State::kRefused) {
      ++waiting;
    }
  }
  if (waiting > 0 && (votes.empty() || now - started_ < kGatherTime)) return;
  gathering_ = false;
  int most = 0;
  for (const Worker& worker : workers_) {
    if (worker.state != State::kCandidate) continue;
    const WorkerIdentity& id = worker.identity;
    const int count = votes[id.model + '\n' + id.version + '\n' + id.fingerprint];
    if (count <= most) continue;
    most = count;
    reference_ = id;
  }
  for (size_t i = 0; i < workers_.size(); ++i) {
    if (workers_[i].state == State::kCandidate) Admit(i);
  }
  AnnounceReady();
}

// A stopped process, a pulled cable: the connection stays open and nothing comes.
void Dispatcher::CheckAlive(size_t index, Clock::time_point now) {
  const Worker& worker = workers_[index];
  if (worker.attempts == 0 || now - worker.last_heard < options_.liveness_interval) return;
  AskWhetherAlive(index);
}

void Dispatcher::AskWhetherAlive(size_t index) {
  Worker& worker = workers_[index];
  if (worker.live_request) return;
  http::ClientRequest request = GetRequest(worker, "/v2/health/live");
  request.connect_timeout = options_.liveness_interval;
  request.timeout = options_.liveness_interval;
  worker.live_request =
      client_->Start(std::move(request), [this, index](const http::ClientAnswer& answer) {
        Worker& asked = workers_[index];
        asked.live_request.reset();
        look_ = true;
        if (answer.failure == http::ClientFailure::kNone && answer.status == 200) {
          asked.last_heard = Clock::now();
          asked.doubted = false;
          return;
        }
        MarkDown(index, "it doesn't answer whether it lives: " +
                            (answer.error.empty() ? StatusText(answer) : answer.error));
      });
}

void Dispatcher::DropRequests(Worker* worker) {
  if (worker->join_request) client_->Cancel(*worker->join_request);
  if (worker->live_request) client_->Cancel(*worker->live_request);
  worker->join_request.reset();
  worker->live_request.reset();
  worker->doubted = false;
}

// Opens the breaker: nothing is sent until the worker says again that it is ready. What it had goes
// to others.
void Dispatcher::MarkDown(size_t index, const std::string& reason) {
  Worker& worker = workers_[index];
  if (worker.state == State::kRefused) return;
  const bool was_up = worker.state == State::kUp;
  DropRequests(&worker);
  worker.state = State::kDown;
  if (worker.reason != reason || was_up) Event(worker.name + ": is down: " + reason);
  worker.reason = reason;
  worker.retry_at = Clock::now() + ProbeDelay(worker.downs);
  worker.downs += 1;
  DropAttempts(
      [index](const Attempt& attempt) { return attempt.worker == index; },
      [this, &reason](const Attempt& attempt) { AttemptFailed(attempt, Blame::kWorker, reason); });
  PublishReports();
}

void Dispatcher::Refuse(size_t index, const std::string& reason) {
  Worker& worker = workers_[index];
  if (worker.state == State::kRefused) return;
  MarkDown(index, reason);
  worker.state = State::kRefused;
  Event(worker.name + ": is refused: " + reason);
  if (options_.on_refused) options_.on_refused(worker.name + " is not used: " + reason);
  PublishReports();
}

bool Dispatcher::AllRefused() const {
  return std::all_of(workers_.begin(), workers_.end(),
                     [](const Worker& worker) { return worker.state == State::kRefused; });
}

std::string Dispatcher::AllReasons() const {
  constexpr size_t kWorkersShown = 8;
  std::string text;
  for (size_t i = 0; i < std::min(workers_.size(), kWorkersShown); ++i) {
    const Worker& worker = workers_[i];
    text += (i == 0 ? "" : "; ") + worker.name + ": " +
            (worker.reason.empty() ? "it is busy" : worker.reason);
  }
  if (workers_.size() > kWorkersShown) {
    text += "; and " + std::to_string(workers_.size() - kWorkersShown) + " more";
  }
  return text;
}

}  // namespace octoscale::coordinator
