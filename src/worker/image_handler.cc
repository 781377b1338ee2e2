#include "worker/image_handler.h"

#include <algorithm>
#include <utility>

#include "base/guarded.h"
#include "image/image_upscaler.h"

namespace octoscale::worker {
namespace {

using http::Problem;
using http::Response;
using http::ToResponse;

constexpr uint64_t kTypicalPictureBytes = 64 * 1024;
constexpr size_t kOptionBytesMax = 1024;
constexpr uint64_t kGrowStepBytes = 1u << 20;
constexpr size_t kPartsBesideFiles = 16;

bool IsRawImageType(std::string_view content_type) {
  const std::string_view type = content_type.substr(0, content_type.find(';'));
  return type.empty() || type == "application/octet-stream" || type == "image/png" ||
         type == "image/jpeg";
}

}  // namespace

std::optional<Response> ImageHandler::OnHead(const http::RequestHead& head,
                                             std::shared_ptr<http::Exchange> exchange) {
  exchange_ = std::move(exchange);
  if (auto problem = context_->NotServing()) return ToResponse(*problem);
  if (auto problem = CheckHead(head)) return ToResponse(*problem);
  const int estimate = kind_ == Kind::kSingle
                           ? 1
                           : context_->EstimateFrames(head.content_length, kTypicalPictureBytes);
  announced_ = head.content_length.has_value();
  body_left_ = head.content_length.value_or(0);
  return Enter(head, estimate, body_left_);
}

std::optional<Problem> ImageHandler::CheckHead(const http::RequestHead& head) {
  for (const http::Field& parameter : head.query) {
    if (auto problem = request_.Set(parameter.name, parameter.value)) return problem;
  }
  DeadlineField deadline = ReadDeadline(head);
  if (deadline.problem) return deadline.problem;
  deadline_ = deadline.deadline;
  return StartBody(head.Header("Content-Type"));
}

std::optional<Problem> ImageHandler::StartBody(std::string_view content_type) {
  const bool form =
      content_type.size() >= 10 && http::EqualsIgnoreCase(content_type.substr(0, 10), "multipart/");
  if (!form) {
    if (kind_ == Kind::kSingle && IsRawImageType(content_type)) {
      items_.emplace_back();
      return std::nullopt;
    }
    return Problem::Make(415,
                         kind_ == Kind::kSingle
                             ? "expected image/png, image/jpeg or multipart/form-data"
                             : "expected multipart/form-data with the field files",
                         "Content-Type");
  }
  auto boundary = http::MultipartBoundary(content_type);
  if (!boundary.ok()) return Problem::Make(400, boundary.status().message(), "Content-Type");
  http::MultipartLimits limits;
  limits.part_bytes_max = context_->options.part_bytes_max;
  limits.parts_max = static_cast<size_t>(context_->options.frames_max) + kPartsBesideFiles;
  multipart_.emplace(std::move(*boundary), limits,
                     http::MultipartParser::Callbacks{
                         [this](http::PartHead part) { return OnPart(std::move(part)); },
                         [this](std::span<const uint8_t> bytes) { return OnPartData(bytes); },
                         [this] { return OnPartEnd(); }});
  return std::nullopt;
}

Status ImageHandler::Stop(Problem problem) {
  stop_ = std::move(problem);
  return InvalidArgument("stopped");
}

Status ImageHandler::OnPart(http::PartHead head) {
  field_name_.clear();
  field_value_.clear();
  const std::string_view expected = kind_ == Kind::kBatch ? "files" : "file";
  if (head.name == expected) return AddItem(head.filename.value_or(""));
  if (!head.filename) {
    field_name_ = head.name.empty() ? "(empty)" : head.name;
    return OkStatus();
  }
  return Stop(Problem::Make(400, "expected files in the field \"" + std::string(expected) + "\"",
                            head.name.empty() ? "(empty)" : head.name));
}

Status ImageHandler::AddItem(std::string name) {
  const int most = kind_ == Kind::kBatch ? context_->options.frames_max : 1;
  const std::lock_guard lock(mutex_);
  if (static_cast<int>(items_.size()) == most) {
    return Stop(Problem::Make(
        413, "a request may have " + std::to_string(most) + (most == 1 ? " file" : " files"),
        kind_ == Kind::kBatch ? "files" : "file"));
  }
  items_.emplace_back();
  items_.back().sent_name = std::move(name);
  return OkStatus();
}

Status ImageHandler::OnPartData(std::span<const uint8_t> bytes) {
  if (field_name_.empty()) {
    file_.insert(file_.end(), bytes.begin(), bytes.end());
    return OkStatus();
  }
  if (field_value_.size() + bytes.size() > kOptionBytesMax) {
    return Stop(Problem::Make(413, "an option may have 1024 bytes", field_name_));
  }
  field_value_.append(bytes.begin(), bytes.end());
  return OkStatus();
}

Status ImageHandler::OnPartEnd() {
  if (field_name_.empty()) {
    PostDecode(items_.size() - 1, std::exchange(file_, {}));
    return OkStatus();
  }
  auto problem = request_.Set(field_name_, field_value_);
  return problem ? Stop(std::move(*problem)) : OkStatus();
}

std::optional<Response> ImageHandler::OnBody(std::span<const uint8_t> bytes) {
  const std::optional<Problem> problem = TakeBody(bytes);
  if (!problem) return std::nullopt;
  const std::lock_guard lock(mutex_);
  return EndWith(*problem);
}

std::optional<Problem> ImageHandler::TakeBody(std::span<const uint8_t> bytes) {
  if (!announced_) {
    if (bytes.size() > body_left_) {
      const uint64_t step = std::max<uint64_t>(kGrowStepBytes, bytes.size());
      const std::lock_guard lock(mutex_);
      const Refusal refusal = grant_->GrowBytes(step);
      if (refusal != Refusal::kNone) return context_->Refuse(refusal);
      body_left_ += step;
    }
    body_left_ -= bytes.size();
  }
  if (!multipart_) {
    if (file_.size() + bytes.size() > context_->options.part_bytes_max) {
      return Problem::Make(
          413, "a picture may have " + std::to_string(context_->options.part_bytes_max) + " bytes");
    }
    file_.insert(file_.end(), bytes.begin(), bytes.end());
    return std::nullopt;
  }
  const Status status = multipart_->Feed(bytes);
  if (status.ok()) return std::nullopt;
  if (stop_) return stop_;
  return Problem::Make(status.code() == StatusCode::kResourceExhausted ? 413 : 400,
                       status.message());
}

void ImageHandler::OnBodyEnd() {
  if (multipart_) {
    const Status status = multipart_->Finish();
    if (!status.ok()) {
      const std::lock_guard lock(mutex_);
      return exchange_->Send(EndWith(Problem::Make(400, status.message())));
    }
  } else {
    PostDecode(0, std::exchange(file_, {}));
  }
  const std::lock_guard lock(mutex_);
  body_complete_ = true;
  if (decoding_ == 0 && !ended_) Begin();
}

void ImageHandler::PostDecode(size_t index, std::vector<uint8_t> bytes) {
  {
    const std::lock_guard lock(mutex_);
    ++decoding_;
  }
  auto box = std::make_shared<std::vector<uint8_t>>(std::move(bytes));
  context_->pool.Post(
      [self = Self<ImageHandler>(), index, box] { self->DecodeItem(index, std::move(*box)); });
}

void ImageHandler::DecodeItem(size_t index, std::vector<uint8_t> bytes) {
  Item decoded;
  const Status status = Guarded("decode the picture", [&] {
    decoded.problem = Decode(bytes, &decoded);
    return OkStatus();
  });
  if (!status.ok()) decoded.problem = http::ProblemOf(status);
  const size_t encoded_bytes = bytes.size();
  std::vector<uint8_t>().swap(bytes);
  const std::lock_guard lock(mutex_);
  if (ended_) return;
  grant_->ShrinkBytes(encoded_bytes);
  decoded.sent_name = std::move(items_[index].sent_name);
  items_[index] = std::move(decoded);
  if (--decoding_ == 0 && body_complete_) Begin();
}

std::optional<Problem> ImageHandler::Decode(std::span<const uint8_t> bytes, Item* item) {
  if (cancel_.stopped()) return http::ProblemOf(Cancelled("the request ended"));
  const int unreadable = kind_ == Kind::kSingle ? 415 : 422;
  ImageLimits limits;
  limits.width_max = limits.height_max = context_->options.side_px_max;
  limits.pixels_max = context_->options.pixels_max;
  limits.encoded_bytes_max = context_->options.part_bytes_max;
  const auto refuse = [&](const Status& status) {
    const bool unknown = status.code() == StatusCode::kUnsupported;
    return Problem::Make(unknown ? unreadable : 422, status.message());
  };
  if (bytes.empty()) return Problem::Make(422, "the file is empty");
  auto header = ReadImageHeader(bytes, limits);
  if (!header.ok()) return refuse(header.status());
  if (auto problem = ReserveDecoded(*header)) return problem;
  const CodecTimer timer(context_->metrics, context_->metrics.decode_seconds);
  auto decoded = DecodeImage(bytes, limits);
  if (!decoded.ok()) return refuse(decoded.status());
  item->image = std::move(*decoded);
  if (item->image.alpha) item->alpha = AlphaAsFrame(*item->image.alpha);
  return std::nullopt;
}

std::optional<Problem> ImageHandler::ReserveDecoded(const ImageHeader& header) {
  // Alpha is kept as a plane, and is a frame for the upscaler besides.
  const uint64_t planes = header.has_alpha ? 2 * Frame::kPlanes + 1 : Frame::kPlanes;
  const uint64_t bytes = planes * static_cast<uint64_t>(header.size.width) *
                         static_cast<uint64_t>(header.size.height) * SampleBytes(header.type);
  const std::lock_guard lock(mutex_);
  if (ended_) return http::ProblemOf(Cancelled("the request ended"));
  decoded_bytes_ += bytes;
  if (decoded_bytes_ > context_->options.decoded_bytes_max) {
    return Problem::Make(413, "the pictures of a request may take " +
                                  std::to_string(context_->options.decoded_bytes_max) +
                                  " bytes decoded");
  }
  const Refusal refusal = grant_->GrowBytes(bytes);
  if (refusal != Refusal::kNone) return context_->Refuse(refusal);
  return std::nullopt;
}

void ImageHandler::Begin() {
  std::optional<Problem> problem = CheckItems();
  if (!problem) problem = AdmitFrames();
  if (!problem) {
    std::vector<JobUnit> units;
    const Status made = Guarded("hold the pictures", [&] {
      MakeUnits(&units);
      return OkStatus();
    });
    if (made.ok()) return StartJob(std::move(units));
    problem = http::ProblemOf(made);
  }
  exchange_->Send(EndWith(*problem));
}

// A picture with alpha is two frames.
std::optional<Problem> ImageHandler::AdmitFrames() {
  int frames = 0;
  for (const size_t i : good_) frames += items_[i].alpha ? 2 : 1;
  const WorkerOptions& options = context_->options;
  const int caller_max =
      options.caller_frames_max > 0 ? options.caller_frames_max : options.queue_frames_max;
  const int most = std::min(options.queue_frames_max, caller_max);
  if (frames > most) {
    return Problem::Make(413, "the pictures are " + std::to_string(frames) +
                                  " frames, one each and one for alpha; a caller may have " +
                                  std::to_string(most) + " in the queue");
  }
  const Refusal refusal = grant_->SetFrames(frames);
  if (refusal == Refusal::kNone) return std::nullopt;
  return context_->Refuse(refusal);
}

std::optional<Problem> ImageHandler::CheckItems() {
  if (items_.empty()) {
    const char* field = kind_ == Kind::kBatch ? "files" : "file";
    return Problem::Make(
        400, std::string("expected at least one file in the field \"") + field + "\"", field);
  }
  ResolvedOptions resolved =
      Resolve(request_, context_->options, context_->cache.provider().models());
  if (resolved.problem) return resolved.problem;
  key_ = resolved.key;
  const Item* first_bad = nullptr;
  for (size_t i = 0; i < items_.size(); ++i) {
    Item& item = items_[i];
    if (!item.problem) item.problem = context_->CheckSize(item.image.frame.size(), key_.scale);
    if (!item.problem) {
      good_.push_back(i);
      continue;
    }
    item.problem->part = item.sent_name.empty() ? "file " + std::to_string(i + 1) : item.sent_name;
    // Lack of room is not the file's fault, and skipping the file would hide it.
    if (item.problem->status >= 500 || item.problem->status == 413) return item.problem;
    if (first_bad == nullptr) first_bad = &item;
  }
  if (first_bad != nullptr && (!request_.skip_bad_files || good_.empty())) {
    return first_bad->problem;
  }
  return std::nullopt;
}

JobUnit ImageHandler::MakeUnit(Item* item) const {
  JobUnit unit;
  unit.frames.push_back(std::move(item->image.frame));
  if (item->alpha) {
    unit.frames.push_back(std::move(*item->alpha));
    unit.side_bytes = item->image.alpha->samples.size();
  }
  auto source = std::make_shared<Image>(std::move(item->image));
  unit.encode = [context = context_, source,
                 scale = key_.scale](std::vector<Frame> frames) -> Result<http::BodyPiece> {
    const CodecTimer timer(context->metrics, context->metrics.encode_seconds);
    ImageView view(frames[0]);
    AlphaPlane alpha;
    if (source->alpha) {
      alpha = AlphaFromUpscaled(frames[1], *source->alpha, scale);
      view.alpha = &alpha;
    }
    view.icc_profile = source->icc_profile;
    OCTO_ASSIGN_OR_RETURN(std::vector<uint8_t> png, EncodePng(view));
    return http::BodyPiece::Own(std::move(png));
  };
  return unit;
}

void ImageHandler::MakeUnits(std::vector<JobUnit>* units) {
  EntryNames names;
  for (size_t i = 0, next = 0; i < items_.size(); ++i) {
    std::string name = names.Next(items_[i].sent_name);
    if (next == good_.size() || good_[next] != i) continue;
    ++next;
    names_.push_back(std::move(name));
    units->push_back(MakeUnit(&items_[i]));
  }
}

}  // namespace octoscale::worker
