// What the dispatcher makes of each answer to a batch.
#include <algorithm>
#include <charconv>
#include <utility>

#include "coordinator/backoff.h"
#include "coordinator/dispatcher.h"

namespace octoscale::coordinator {
namespace {

// Failures of one batch before it is given up: those that came as answers, and those that lost the
// worker, where chance plays a larger part.
constexpr int kAnswersMax = 3;
constexpr int kLossesMax = 6;
constexpr int kFailuresInRowMax = 3;  // of one worker, then it is left alone for a while
constexpr auto kPauseJitter = std::chrono::milliseconds(50);
constexpr int kPauseMaxSeconds = 30;

double Seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// Retry-After in seconds; the form with a date, or none, counts as one second.
int RetryAfterSeconds(const http::ClientAnswer& answer) {
  const std::string_view text = answer.Header("Retry-After");
  int seconds = 1;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) seconds = 1;
  return std::clamp(seconds, 0, kPauseMaxSeconds);
}

}  // namespace

void Dispatcher::ForgetAttempt(const Attempt& attempt) {
  Worker& worker = workers_[attempt.worker];
  worker.attempts -= 1;
  worker.frames -= attempt.job->tensor.frames;
  attempt.job->running -= 1;
  answer_bytes_ -= AnswerBytes(*attempt.job);
}

void Dispatcher::DropAttempts(const std::function<bool(const Attempt&)>& which,
                              const std::function<void(const Attempt&)>& then) {
  std::vector<Attempt> dropped;
  for (auto it = attempts_.begin(); it != attempts_.end();) {
    if (!which(it->second)) {
      ++it;
      continue;
    }
    client_->Cancel(it->first);
    ForgetAttempt(it->second);
    dropped.push_back(std::move(it->second));
    it = attempts_.erase(it);
  }
  if (!then) return;
  for (const Attempt& attempt : dropped) then(attempt);
}

void Dispatcher::OnAnswer(RequestId id, http::ClientAnswer answer) {
  const auto found = attempts_.find(id);
  if (found == attempts_.end()) return;
  const Attempt attempt = std::move(found->second);
  attempts_.erase(found);
  ForgetAttempt(attempt);
  look_ = true;
  Worker& worker = workers_[attempt.worker];
  worker.last_heard = Clock::now();
  if (answer.failure != http::ClientFailure::kNone) return OnTransportError(attempt, answer);
  if (answer.status != 200) return OnHttpError(attempt, answer);
  const Expected expected{reference_->model, options_.scale, reference_->fingerprint};
  const InferAnswer checked = CheckInferAnswer(answer, attempt.job->tensor, expected);
  switch (checked.fault) {
    case AnswerFault::kNone:
      return OnGoodAnswer(attempt, std::move(answer), checked.pixel_offset);
    case AnswerFault::kNotOurs:
      AttemptFailed(attempt, Blame::kNobody, checked.reason);
      return Refuse(attempt.worker, checked.reason);
    case AnswerFault::kGarbage:
      AttemptFailed(attempt, Blame::kAnswer, checked.reason);
      return MarkDown(attempt.worker, checked.reason);
  }
}

void Dispatcher::OnGoodAnswer(const Attempt& attempt, http::ClientAnswer answer,
                              size_t pixel_offset) {
  const Clock::time_point now = Clock::now();
  Worker& worker = workers_[attempt.worker];
  const int frames = attempt.job->tensor.frames;
  const double seconds = Seconds(now - std::max(worker.last_done, attempt.start));
  worker.last_done = now;
  worker.speed.Add(frames, seconds);
  hedging_.Finished(Seconds(now - attempt.start), attempt.queued_frames);
  worker.downs = 0;
  worker.failures_in_row = 0;
  worker.report.batches += 1;
  worker.report.frames += frames;
  worker.report.busy_seconds += seconds;
  starved_since_.reset();
  Finish(attempt.job, {OkStatus(), false, std::move(answer.body), pixel_offset});
}

void Dispatcher::OnHttpError(const Attempt& attempt, const http::ClientAnswer& answer) {
  const std::string reason = StatusText(answer);
  Worker& worker = workers_[attempt.worker];
  switch (answer.status) {
    case 429:
    case 503: {
      // Busy or draining; others may have room. Not before it says, and not all at once.
      const auto pause = std::chrono::seconds(RetryAfterSeconds(answer));
      worker.paused_until = Clock::now() + pause + FullJitter(kPauseJitter);
      worker.reason = reason;
      return AttemptFailed(attempt, Blame::kNobody, reason);
    }
    case 401:
    case 403:
      AttemptFailed(attempt, Blame::kNobody, reason);
      return Refuse(attempt.worker, "it doesn't accept the token (" + reason + ")");
    case 404:
      AttemptFailed(attempt, Blame::kNobody, reason);
      return MarkDown(attempt.worker, "it no longer has the model (" + reason + ")");
    case 408:
    case 504:
      return OnLate(attempt, "it missed the deadline (" + reason + ")");
    default:
      break;
  }
  AttemptFailed(attempt, Blame::kAnswer, reason);
  // What it says about the request (4xx) is no sign of its own health.
  if (answer.status < 500) return;
  worker.failures_in_row += 1;
  if (worker.failures_in_row >= kFailuresInRowMax) {
    MarkDown(attempt.worker,
             std::to_string(kFailuresInRowMax) + " failures in a row, the last " + reason);
  }
}

void Dispatcher::OnTransportError(const Attempt& attempt, const http::ClientAnswer& answer) {
  using http::ClientFailure;
  const std::string& reason = answer.error;
  switch (answer.failure) {
    case ClientFailure::kResolve:
    case ClientFailure::kConnect:
    case ClientFailure::kTls:
      AttemptFailed(attempt, Blame::kNobody, reason);
      break;
    case ClientFailure::kTimeout:
      // Its other batches may be well: whether it lives decides about those.
      workers_[attempt.worker].doubted = true;
      AskWhetherAlive(attempt.worker);
      return OnLate(attempt, "no answer in time (" + reason + ")");
    case ClientFailure::kTooLarge:
    case ClientFailure::kProtocol:
      AttemptFailed(attempt, Blame::kAnswer, reason);
      break;
    default:
      AttemptFailed(attempt, Blame::kWorker, reason);
  }
  MarkDown(attempt.worker, reason);
}

void Dispatcher::OnLate(const Attempt& attempt, const std::string& reason) {
  workers_[attempt.worker].speed.Add(attempt.queued_frames, Seconds(Clock::now() - attempt.start));
  AttemptFailed(attempt, Blame::kWorker, reason);
}

// The attempt is forgotten already. Sends the batch again, on another worker if there is one, or
// gives it up.
void Dispatcher::AttemptFailed(const Attempt& attempt, Blame blame, const std::string& reason) {
  Job* job = attempt.job;
  Worker& worker = workers_[attempt.worker];
  job->last_error = worker.name + ": " + reason;
  if (blame == Blame::kAnswer) job->answered += 1;
  if (blame == Blame::kWorker) job->lost += 1;
  worker.report.retries += 1;
  Event(worker.name + ": batch " + std::to_string(job->number) + " failed: " + reason +
        ", traceparent " + attempt.trace);
  PublishReports();
  if (job->running > 0) return;  // another worker still has it
  if (job->answered >= kAnswersMax || job->lost >= kLossesMax) {
    const int tries = job->answered + job->lost;
    return Finish(job,
                  {Internal("failed " + std::to_string(tries) + " times; last " + job->last_error),
                   true,
                   {},
                   0});
  }
  if (blame == Blame::kNobody) return;
  job->not_before = Clock::now() + FullJitter(RetryDelayMax(job->answered + job->lost));
}

}  // namespace octoscale::coordinator
