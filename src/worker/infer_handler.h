// POST /v2/models/{model}/infer: raw frames in, raw frames out.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "worker/infer_header.h"
#include "worker/job_handler.h"

namespace octoscale::worker {

class InferHandler : public JobHandler {
 public:
  explicit InferHandler(WorkerContext* context) : JobHandler(context) {}

  std::optional<http::Response> OnHead(const http::RequestHead& head,
                                       std::shared_ptr<http::Exchange> exchange) override;
  std::optional<http::Response> OnBody(std::span<const uint8_t> bytes) override;
  void OnBodyEnd() override;

 private:
  std::optional<http::Problem> CheckFields(const http::RequestHead& head);
  std::optional<http::Problem> OnHeaderComplete();
  void UnpackFrame(size_t index, ByteBuffer bytes);
  void OnOutput(size_t index, http::BodyPiece piece) override;
  void OnError(size_t index, const Status& status) override;
  void DropInputs() override { units_.clear(); }

  std::string model_;
  uint64_t body_bytes_ = 0;
  size_t header_bytes_ = 0;

  // I/O thread only, until the body is complete.
  std::string header_;
  ByteBuffer filling_;  // the frame whose bytes are arriving
  size_t filled_ = 0;   // frames complete

  InferRequest request_;

  // With the lock.
  std::vector<JobUnit> units_;
  size_t unpacking_ = 0;
  bool body_complete_ = false;
};

}  // namespace octoscale::worker
