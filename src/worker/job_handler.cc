#include "worker/job_handler.h"

#include <utility>

#include "http/problem.h"
#include "worker/frame_bytes.h"

namespace octoscale::worker {

std::optional<http::Response> JobHandler::Enter(const http::RequestHead& head, int estimate,
                                                uint64_t bytes) {
  caller_ = context_->CallerOf(head);
  Admission::Answer answer = context_->admission.Enter(caller_, estimate, bytes);
  if (!answer.grant) return http::ToResponse(context_->Refuse(answer.refusal));
  grant_ = std::move(answer.grant);
  if (deadline_) {
    cancel_.SetDeadline(*deadline_);
    exchange_->SetDeadline(*deadline_);
  }
  return std::nullopt;
}

http::Response JobHandler::EndWith(const http::Problem& problem) {
  ended_ = true;
  cancel_.Cancel();
  DropInputs();
  grant_.reset();
  return http::ToResponse(problem);
}

void JobHandler::StartJob(std::vector<JobUnit> units) {
  uint64_t bytes = 0;
  for (const JobUnit& unit : units) bytes += unit.side_bytes + BytesOf(unit.frames);
  grant_->KeepBytes(bytes);
  UpscaleJob::Options options;
  options.key = key_;
  options.caller = caller_;
  options.batch_frames = static_cast<size_t>(context_->options.batch_frames);
  options.batch_output_bytes_max = context_->scheduler.options().batch_output_bytes_max();
  options.deadline = deadline_;
  UpscaleJob::Sink sink;
  const auto self = shared_from_this();
  sink.on_output = [self](size_t unit, http::BodyPiece piece) {
    self->OnOutput(unit, std::move(piece));
  };
  sink.on_done = [self] { self->OnDone(); };
  sink.on_error = [self](size_t unit, const Status& status) { self->OnError(unit, status); };
  sink.on_frames_done = [self](size_t frames, uint64_t frame_bytes) {
    self->grant_->FramesDone(static_cast<int>(frames));
    self->grant_->ShrinkBytes(frame_bytes);
  };
  job_ = std::make_shared<UpscaleJob>(std::move(options), &context_->scheduler, &context_->pool,
                                      cancel_, std::move(sink));
  job_->Start(std::move(units));
}

void JobHandler::OnAbandoned(http::AbandonReason /*reason*/) {
  cancel_.Cancel();
  const std::lock_guard lock(mutex_);
  ended_ = true;
  if (job_) job_->Cancel();
  DropInputs();
  grant_.reset();
}

void JobHandler::OnSent(size_t unsent_bytes) {
  const std::lock_guard lock(mutex_);
  if (job_ && !ended_) job_->SetUnsentBytes(unsent_bytes);
}

}  // namespace octoscale::worker
