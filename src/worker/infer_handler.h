// POST /v2/models/{model}/infer: raw frames in, raw frames out.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "http/handler.h"
#include "worker/infer_header.h"
#include "worker/upscale_job.h"
#include "worker/worker_context.h"

namespace octoscale::worker {

class InferHandler : public http::RequestHandler,
                     public std::enable_shared_from_this<InferHandler> {
 public:
  explicit InferHandler(WorkerContext* context) : context_(context) {}

  std::optional<http::Response> OnHead(const http::RequestHead& head,
                                       std::shared_ptr<http::Exchange> exchange) override;
  std::optional<http::Response> OnBody(std::span<const uint8_t> bytes) override;
  void OnBodyEnd() override;
  void OnAbandoned(http::AbandonReason reason) override;
  void OnSent(size_t unsent_bytes) override;

 private:
  std::optional<http::Problem> CheckFields(const http::RequestHead& head);
  std::optional<http::Problem> OnHeaderComplete();
  void UnpackFrame(size_t index, std::vector<uint8_t> bytes);
  void StartJob();  // requires the lock
  void OnOutput(size_t index, http::BodyPiece piece);

  WorkerContext* const context_;
  std::shared_ptr<http::Exchange> exchange_;
  std::string caller_;
  std::string model_;
  uint64_t body_bytes_ = 0;
  size_t header_bytes_ = 0;
  CancelToken cancel_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;

  // I/O thread only, until the body is complete.
  std::string header_;
  std::vector<uint8_t> filling_;  // the frame whose bytes are arriving
  size_t filled_ = 0;             // frames complete

  InferRequest request_;
  UpscalerKey key_;

  std::mutex mutex_;
  std::unique_ptr<Admission::Grant> grant_;
  std::vector<JobUnit> units_;
  size_t unpacking_ = 0;
  bool body_complete_ = false;
  bool abandoned_ = false;
  std::shared_ptr<UpscaleJob> job_;

  bool answer_started_ = false;  // used by the job's sink only
  size_t frames_left_ = 0;
};

}  // namespace octoscale::worker
