#include "worker/infer_handler.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/guarded.h"

namespace octoscale::worker {

using http::Problem;
using http::Response;
using http::ToResponse;

namespace {

constexpr uint64_t kTypicalFrameBytes = 256 * 1024;

}  // namespace

std::optional<Response> InferHandler::OnHead(const http::RequestHead& head,
                                             std::shared_ptr<http::Exchange> exchange) {
  exchange_ = std::move(exchange);
  if (auto problem = context_->NotServing()) return ToResponse(*problem);
  if (auto problem = CheckFields(head)) return ToResponse(*problem);
  // The JSON, which says how many they are, comes first in the body and corrects this.
  const int estimate = context_->EstimateFrames(body_bytes_, kTypicalFrameBytes);
  return Enter(head, estimate, body_bytes_);
}

std::optional<Problem> InferHandler::CheckFields(const http::RequestHead& head) {
  const ServedModel* model =
      FindModel(context_->cache.provider().models(), std::string(head.PathParameter("model")));
  if (model == nullptr) return Problem::Make(404, "this model is not served here", "model");
  model_ = model->name;
  if (!head.content_length) return Problem::Make(411, "expected Content-Length");
  body_bytes_ = *head.content_length;
  const std::string_view text = head.Header("Inference-Header-Content-Length");
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, header_bytes_);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != end || header_bytes_ == 0 ||
      header_bytes_ > std::min<uint64_t>(kInferHeaderBytesMax, body_bytes_)) {
    return Problem::Make(400,
                         "expected the bytes of JSON before the tensor, 1 to " +
                             std::to_string(kInferHeaderBytesMax) + " and within the body",
                         "Inference-Header-Content-Length");
  }
  DeadlineField deadline = ReadDeadline(head);
  deadline_ = deadline.deadline;
  return deadline.problem;
}

std::optional<Problem> InferHandler::OnHeaderComplete() {
  InferHeader header = ParseInferHeader(header_);
  if (header.problem) return header.problem;
  request_ = std::move(header.request);
  request_.options.model = model_;
  ResolvedOptions resolved =
      Resolve(request_.options, context_->options, context_->cache.provider().models());
  if (resolved.problem) return resolved.problem;
  key_ = resolved.key;
  const WorkerOptions& options = context_->options;
  if (request_.frames > options.frames_max) {
    return Problem::Make(413,
                         "a request may have " + std::to_string(options.frames_max) + " frames",
                         "inputs[0].shape");
  }
  if (auto problem = context_->CheckSize(request_.size, key_.scale)) {
    problem->part = "inputs[0].shape";
    return problem;
  }
  const auto frames = static_cast<uint64_t>(request_.frames);
  if (header_bytes_ + frames * request_.frame_bytes() != body_bytes_) {
    return Problem::Make(400, "the body is not the JSON and " +
                                  std::to_string(frames * request_.frame_bytes()) +
                                  " bytes of frames");
  }
  const std::lock_guard lock(mutex_);
  const Refusal refusal = grant_->SetFrames(request_.frames);
  if (refusal != Refusal::kNone) return context_->Refuse(refusal);
  units_.resize(static_cast<size_t>(request_.frames));
  return std::nullopt;
}

std::optional<Response> InferHandler::OnBody(std::span<const uint8_t> bytes) {
  if (header_.size() < header_bytes_) {
    const size_t take = std::min(bytes.size(), header_bytes_ - header_.size());
    header_.append(reinterpret_cast<const char*>(bytes.data()), take);
    bytes = bytes.subspan(take);
    if (header_.size() < header_bytes_) return std::nullopt;
    if (auto problem = OnHeaderComplete()) {
      const std::lock_guard lock(mutex_);
      return EndWith(*problem);
    }
  }
  const size_t frame_bytes = request_.frame_bytes();
  while (!bytes.empty()) {
    if (filling_.capacity() < frame_bytes) filling_.reserve(frame_bytes);
    const size_t take = std::min(bytes.size(), frame_bytes - filling_.size());
    const size_t at = filling_.size();
    filling_.resize(at + take);
    std::memcpy(filling_.data() + at, bytes.data(), take);
    bytes = bytes.subspan(take);
    if (filling_.size() < frame_bytes) break;
    {
      const std::lock_guard lock(mutex_);
      ++unpacking_;
    }
    auto box = std::make_shared<ByteBuffer>(std::exchange(filling_, {}));
    context_->pool.Post([self = Self<InferHandler>(), index = filled_++, box] {
      self->UnpackFrame(index, std::move(*box));
    });
  }
  return std::nullopt;
}

void InferHandler::UnpackFrame(size_t index, ByteBuffer bytes) {
  JobUnit unit;
  const Status unpacked = Guarded("unpack the frames", [&] {
    const ptrdiff_t stride = ptrdiff_t{3} * request_.size.width * SampleBytes(request_.type);
    unit.frames.push_back(FrameFromInterleaved(bytes.data(), stride, request_.size, request_.type));
    return OkStatus();
  });
  unit.encode = [context = context_](std::vector<Frame> frames) -> Result<http::BodyPiece> {
    const CodecTimer timer(context->metrics, context->metrics.encode_seconds);
    const Frame& frame = frames[0];
    const ptrdiff_t stride = ptrdiff_t{3} * frame.width() * SampleBytes(frame.sample_type());
    ByteBuffer out(static_cast<size_t>(stride) * static_cast<size_t>(frame.height()));
    FrameToInterleaved(frame, out.data(), stride);
    return http::BodyPiece::Own(std::move(out));
  };
  const std::lock_guard lock(mutex_);
  --unpacking_;
  if (ended_) return;
  if (!unpacked.ok()) return exchange_->Send(EndWith(http::ProblemOf(unpacked)));
  units_[index] = std::move(unit);
  if (body_complete_ && unpacking_ == 0) StartJob(std::move(units_));
}

void InferHandler::OnBodyEnd() {
  const std::lock_guard lock(mutex_);
  body_complete_ = true;
  if (unpacking_ == 0 && !ended_) StartJob(std::move(units_));
}

void InferHandler::OnError(size_t, const Status& status) {
  if (answer_started_) return exchange_->Abort();
  exchange_->Send(ToResponse(http::ProblemOf(status)));
}

void InferHandler::OnOutput(size_t, http::BodyPiece piece) {
  if (!answer_started_) {
    answer_started_ = true;
    const FrameSize size{request_.size.width * key_.scale, request_.size.height * key_.scale};
    const std::string fingerprint =
        context_->cache.Fingerprint(key_.model, key_.scale).value_or("");
    std::string json = MakeInferAnswer(request_, key_, size, fingerprint);
    http::ResponseHead head;
    head.content_type = "application/octet-stream";
    head.fields = AnswerFields(key_, fingerprint);
    head.fields.push_back({"Inference-Header-Content-Length", std::to_string(json.size())});
    exchange_->Start(std::move(head),
                     json.size() + static_cast<uint64_t>(request_.frames) * piece.bytes.size());
    exchange_->Write(http::BodyPiece::Own(std::move(json)));
  }
  exchange_->Write(std::move(piece));
}

}  // namespace octoscale::worker
