// What the handlers of pixels share: getting in, the job, and the end of both.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "http/handler.h"
#include "worker/upscale_job.h"
#include "worker/worker_context.h"

namespace octoscale::worker {

// One request that becomes one UpscaleJob. A subclass reads the body, makes the job's units and
// writes the answer.
class JobHandler : public http::RequestHandler, public std::enable_shared_from_this<JobHandler> {
 public:
  void OnAbandoned(http::AbandonReason reason) override;
  void OnSent(size_t unsent_bytes) override;

 protected:
  explicit JobHandler(WorkerContext* context) : context_(context) {}

  // Admission, once the head is known to be good: `estimate` frames and `bytes` of body. Sets the
  // deadline of the request, if it has one. A refusal is to be returned from OnHead().
  std::optional<http::Response> Enter(const http::RequestHead& head, int estimate, uint64_t bytes);
  // The one way out of a request that is refused after its head: nothing of it goes on, and what it
  // was granted is given back. To be returned or sent. Requires the lock.
  http::Response EndWith(const http::Problem& problem);
  // Computes `units` for key_. Requires the lock, and all frames and bytes of the units admitted;
  // what is admitted beyond them is given back.
  void StartJob(std::vector<JobUnit> units);

  // The job's sink; never two at a time.
  virtual void OnOutput(size_t unit, http::BodyPiece piece) = 0;
  virtual void OnDone() { exchange_->Finish(); }
  virtual void OnError(size_t unit, const Status& status) = 0;
  // Frees what waits for a job that will never be. Called with the lock.
  virtual void DropInputs() = 0;

  template <typename Subclass>
  std::shared_ptr<Subclass> Self() {
    return std::static_pointer_cast<Subclass>(shared_from_this());
  }

  WorkerContext* const context_;
  std::shared_ptr<http::Exchange> exchange_;
  CancelToken cancel_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;  // before Enter()
  UpscalerKey key_;                                                // before StartJob()

  std::mutex mutex_;
  std::unique_ptr<Admission::Grant> grant_;
  bool ended_ = false;  // abandoned, or answered with a problem

  bool answer_started_ = false;  // used by the sink only

 private:
  std::string caller_;
  std::shared_ptr<UpscaleJob> job_;  // with the lock
};

}  // namespace octoscale::worker
