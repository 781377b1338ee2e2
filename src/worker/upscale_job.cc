#include "worker/upscale_job.h"

#include <utility>

#include "base/guarded.h"
#include "worker/frame_bytes.h"

namespace octoscale::worker {
namespace {

// One computes while the other waits its turn or is encoded, so that the upscaler does not idle.
constexpr size_t kTicketsAhead = 2;

// Bytes of an answer that count against the output budget until they are sent.
struct HeldBytes {
  http::BodyPiece piece;
  ByteHold hold;
};

}  // namespace

UpscaleJob::UpscaleJob(Options options, BatchScheduler* scheduler, TaskPool* pool,
                       CancelToken cancel, Sink sink)
    : options_(std::move(options)),
      scheduler_(scheduler),
      pool_(pool),
      cancel_(std::move(cancel)),
      sink_(std::move(sink)) {}

void UpscaleJob::Start(std::vector<JobUnit> units) {
  const std::lock_guard lock(mutex_);
  for (JobUnit& unit : units) {
    const uint64_t bytes = BytesOf(unit.frames);
    units_.push_back({std::move(unit), bytes, false, {}});
  }
  SubmitMore();
}

void UpscaleJob::Cancel() {
  cancel_.Cancel();
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    sink_ = {};
    units_.clear();
  }
  scheduler_->Kick();
}

void UpscaleJob::SetUnsentBytes(size_t bytes) {
  const std::lock_guard lock(mutex_);
  unsent_bytes_ = bytes;
  SubmitMore();
}

// Requires the lock.
void UpscaleJob::SubmitMore() {
  while (!ended_ && next_submit_ < units_.size() && ticket_ends_.size() < kTicketsAhead &&
         unsent_bytes_ <= options_.unsent_bytes_max) {
    const size_t first = next_submit_;
    Ticket ticket = NextTicket();
    ticket.done = [self = shared_from_this(), first,
                   count = next_submit_ - first](Result<Ticket::Output> result) {
      self->OnTicketDone(first, count, std::move(result));
    };
    ticket_ends_.push_back(next_submit_);
    const Status submitted = scheduler_->Submit(std::move(ticket));
    if (!submitted.ok()) Fail(first, submitted);
  }
}

// Requires the lock.
Ticket UpscaleJob::NextTicket() {
  Ticket ticket;
  ticket.key = options_.key;
  ticket.caller = options_.caller;
  ticket.job = this;
  ticket.cancel = cancel_;
  ticket.deadline = options_.deadline;
  uint64_t bytes = 0;
  for (; next_submit_ < units_.size(); ++next_submit_) {
    std::vector<Frame>& frames = units_[next_submit_].input.frames;
    const auto scale = static_cast<uint64_t>(options_.key.scale);
    bytes += scale * scale * units_[next_submit_].input_bytes;
    if (!ticket.frames.empty() && (ticket.frames.size() + frames.size() > options_.batch_frames ||
                                   bytes > options_.batch_output_bytes_max)) {
      break;
    }
    for (Frame& frame : frames) ticket.frames.push_back(std::move(frame));
  }
  return ticket;
}

void UpscaleJob::OnTicketDone(size_t first, size_t count, Result<Ticket::Output> result) {
  const std::lock_guard lock(mutex_);
  if (ended_) return;
  if (!result.ok()) return Fail(first, result.status());
  uint64_t input_bytes = 0;
  for (size_t i = first; i < first + count; ++i) input_bytes += units_[i].input_bytes;
  if (sink_.on_frames_done) sink_.on_frames_done(result->frames.size(), input_bytes);
  auto hold = std::make_shared<ByteHold>(std::move(result->hold));
  auto next = std::make_move_iterator(result->frames.begin());
  for (size_t i = first; i < first + count; ++i) {
    const auto size = static_cast<ptrdiff_t>(units_[i].input.frames.size());
    std::vector<Frame> frames(next, next + size);
    next += size;
    // Pointers to frames travel in a shared box because std::function copies.
    auto box = std::make_shared<std::vector<Frame>>(std::move(frames));
    pool_->Post(
        [self = shared_from_this(), i, box, hold] { self->EncodeUnit(i, std::move(*box), hold); },
        TaskPool::Priority::kUrgent);
  }
}

void UpscaleJob::EncodeUnit(size_t index, std::vector<Frame> frames,
                            std::shared_ptr<ByteHold> hold) {
  std::function<Result<http::BodyPiece>(std::vector<Frame>)> encode;
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    encode = std::move(units_[index].input.encode);
  }
  const uint64_t raw_bytes = BytesOf(frames);
  Result<http::BodyPiece> piece =
      Guarded("encode the result", [&] { return encode(std::move(frames)); });
  const std::lock_guard lock(mutex_);
  if (ended_) return;
  if (!piece.ok()) return Fail(index, piece.status());
  // The frames are gone; their share of the hold now covers the encoded bytes, which are rarely
  // more.
  auto held = std::make_shared<HeldBytes>();
  held->hold = hold->Split(raw_bytes);
  held->piece = std::move(*piece);
  const std::span<const uint8_t> bytes = held->piece.bytes;
  if (held->hold.bytes() > bytes.size()) held->hold.Shrink(held->hold.bytes() - bytes.size());
  units_[index].output = {held, bytes};
  units_[index].ready = true;
  EmitReady();
}

// Requires the lock.
void UpscaleJob::Fail(size_t index, const Status& status) {
  ended_ = true;
  cancel_.Cancel();
  const auto on_error = std::move(sink_.on_error);
  sink_ = {};
  if (on_error) on_error(index, status);
}

// Requires the lock.
void UpscaleJob::EmitReady() {
  while (next_emit_ < units_.size() && units_[next_emit_].ready) {
    http::BodyPiece piece = std::move(units_[next_emit_].output);
    unsent_bytes_ += piece.bytes.size();
    sink_.on_output(next_emit_++, std::move(piece));
  }
  while (!ticket_ends_.empty() && ticket_ends_.front() <= next_emit_) ticket_ends_.pop_front();
  if (next_emit_ < units_.size()) return SubmitMore();
  ended_ = true;
  const auto on_done = std::move(sink_.on_done);
  sink_ = {};
  on_done();
}

}  // namespace octoscale::worker
