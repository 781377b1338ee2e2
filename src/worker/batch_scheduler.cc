#include "worker/batch_scheduler.h"

#include <algorithm>
#include <utility>

#include "base/guarded.h"
#include "worker/frame_bytes.h"

namespace octoscale::worker {
namespace {

constexpr size_t kIdleCallersMax = 1024;

double PixelsOf(const Ticket& ticket) {
  double pixels = 0;
  for (const Frame& frame : ticket.frames) {
    pixels += static_cast<double>(frame.width()) * frame.height();
  }
  return pixels;
}

uint64_t OutputBytesOf(const Ticket& ticket) {
  const auto scale = static_cast<uint64_t>(ticket.key.scale);
  return scale * scale * BytesOf(ticket.frames);
}

bool OneSize(const Ticket& ticket) {
  return std::all_of(ticket.frames.begin(), ticket.frames.end(), [&](const Frame& frame) {
    return frame.size() == ticket.frames[0].size() &&
           frame.sample_type() == ticket.frames[0].sample_type();
  });
}

bool Mergeable(const Ticket& a, const Ticket& b) {
  return a.key == b.key && a.frames[0].size() == b.frames[0].size() &&
         a.frames[0].sample_type() == b.frames[0].sample_type();
}

// Whether no other ticket of its job is before it in the queue.
template <typename Queue>
bool FirstOfItsJob(const Queue& queue, size_t index) {
  const void* const job = queue[index].ticket.job;
  return job == nullptr ||
         std::none_of(queue.begin(), queue.begin() + static_cast<ptrdiff_t>(index),
                      [&](const auto& earlier) { return earlier.ticket.job == job; });
}

double Seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

BatchScheduler::BatchScheduler(const SchedulerOptions& options, UpscalerCache* cache,
                               const SchedulerMetrics& metrics)
    : options_(options), cache_(cache), metrics_(metrics), shared_(std::make_shared<Shared>()) {
  shared_->output_budget = std::make_shared<ByteBudget>(
      options.output_bytes_max, [weak = std::weak_ptr<Shared>(shared_)] {
        if (const auto shared = weak.lock()) {
          // Passing through the lock: a thread between its check and its wait must not miss this.
          { const std::lock_guard lock(shared->mutex); }
          shared->changed.notify_all();
        }
      });
  for (int i = 0; i < std::max(1, options.executions_max); ++i) {
    threads_.emplace_back([this] { Run(); });
  }
}

BatchScheduler::~BatchScheduler() { Stop(); }

Status BatchScheduler::Submit(Ticket ticket) {
  Waiting waiting;
  waiting.since = Clock::now();
  waiting.alone =
      static_cast<int>(ticket.frames.size()) >= options_.batch_frames || !OneSize(ticket);
  waiting.pixels = PixelsOf(ticket);
  waiting.output_bytes = OutputBytesOf(ticket);
  waiting.ticket = std::move(ticket);
  const std::lock_guard lock(shared_->mutex);
  if (stopping_) return Unavailable("the worker is stopping");
  if (callers_.size() > kIdleCallersMax) {
    std::erase_if(callers_, [](const auto& entry) {
      return entry.second.queue.empty() && entry.second.output_budget->used() == 0;
    });
  }
  Caller& caller = CallerNamed(waiting.ticket.caller);
  // A caller that was away neither saves up turns nor owes any for the time of its absence.
  if (caller.queue.empty()) caller.served = std::max(caller.served, virtual_time_);
  caller.queue.push_back(std::move(waiting));
  shared_->changed.notify_all();
  return OkStatus();
}

// Requires the lock.
BatchScheduler::Caller& BatchScheduler::CallerNamed(const std::string& name) {
  Caller& caller = callers_[name];
  if (!caller.output_budget) {
    caller.output_budget =
        std::make_shared<ByteBudget>(options_.caller_output_bytes_max(), shared_->output_budget);
  }
  return caller;
}

void BatchScheduler::Kick() {
  const std::lock_guard lock(shared_->mutex);
  CancelUnwanted();
  shared_->changed.notify_all();
}

void BatchScheduler::CancelUnwanted() {
  for (Execution* execution : running_) {
    if (std::all_of(execution->members.begin(), execution->members.end(),
                    [](const Waiting& member) { return member.ticket.cancel.stopped(); })) {
      execution->cancel.Cancel();
    }
  }
}

void BatchScheduler::Stop() {
  std::vector<Waiting> left;
  {
    const std::lock_guard lock(shared_->mutex);
    stopping_ = true;
    for (Execution* execution : running_) execution->cancel.Cancel();
    for (auto& [name, caller] : callers_) {
      for (Waiting& waiting : caller.queue) left.push_back(std::move(waiting));
      caller.queue.clear();
    }
    shared_->changed.notify_all();
  }
  for (Waiting& waiting : left) waiting.ticket.done(Unavailable("the worker is stopping"));
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

SchedulerState BatchScheduler::state() const {
  SchedulerState state;
  const std::lock_guard lock(shared_->mutex);
  for (const auto& [name, caller] : callers_) {
    for (const Waiting& waiting : caller.queue)
      state.frames_waiting += waiting.ticket.frames.size();
  }
  for (const Execution* execution : running_) state.frames_running += execution->frames;
  if (!running_.empty()) {
    const Execution& last = *running_.back();
    state.running_model = last.members[0].ticket.key.model;
    state.running_scale = last.members[0].ticket.key.scale;
    state.running_for =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - last.start);
  }
  return state;
}

void BatchScheduler::Run() {
  for (;;) {
    std::vector<Waiting> dropped;
    std::unique_ptr<Execution> execution;
    {
      std::unique_lock lock(shared_->mutex);
      while (!stopping_ && !execution && dropped.empty()) {
        Clock::time_point look_again = Clock::time_point::max();
        execution = Pick(Clock::now(), &dropped, &look_again);
        if (execution || !dropped.empty()) break;
        if (look_again == Clock::time_point::max()) {
          shared_->changed.wait(lock);
        } else {
          shared_->changed.wait_until(lock, look_again);
        }
      }
      if (execution) running_.push_back(execution.get());
      if (stopping_ && !execution && dropped.empty()) return;
      if (stopping_ && execution) execution->cancel.Cancel();
    }
    for (Waiting& waiting : dropped) waiting.ticket.done(waiting.ticket.cancel.Check());
    if (execution) Execute(execution.get());
  }
}

std::vector<BatchScheduler::Caller*> BatchScheduler::FairOrder() {
  std::vector<Caller*> order;
  for (auto& [name, caller] : callers_) {
    if (!caller.queue.empty()) order.push_back(&caller);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const Caller* a, const Caller* b) { return a->served < b->served; });
  return order;
}

void BatchScheduler::DropStopped(std::vector<Waiting>* dropped) {
  for (auto& [name, caller] : callers_) {
    auto& queue = caller.queue;
    for (size_t i = 0; i < queue.size();) {
      if (!queue[i].ticket.cancel.stopped()) {
        ++i;
        continue;
      }
      dropped->push_back(std::move(queue[i]));
      queue.erase(queue.begin() + static_cast<ptrdiff_t>(i));
    }
  }
}

size_t BatchScheduler::MergeableFrames(const Waiting& like) const {
  size_t frames = 0;
  for (const auto& [name, caller] : callers_) {
    for (const Waiting& waiting : caller.queue) {
      if (!waiting.alone && Mergeable(waiting.ticket, like.ticket)) {
        frames += waiting.ticket.frames.size();
      }
    }
  }
  return frames;
}

bool BatchScheduler::HasRoom(const Place& place) const {
  const uint64_t bytes = place.waiting().output_bytes;
  return place.caller->output_budget->Fits(bytes) && shared_->output_budget->Fits(bytes);
}

// The ticket that nobody may pass now; none while all that lack room let others pass.
std::optional<BatchScheduler::Place> BatchScheduler::LongestWithoutRoom(
    const std::vector<Caller*>& order, Clock::time_point now, Clock::time_point* look_again) const {
  std::optional<Place> longest;
  for (Caller* caller : order) {
    for (size_t i = 0; i < caller->queue.size(); ++i) {
      const Waiting& waiting = caller->queue[i];
      if (!waiting.no_room_since) continue;
      const auto turns = (now - *waiting.no_room_since) / options_.passing_max;
      *look_again =
          std::min(*look_again, *waiting.no_room_since + (turns + 1) * options_.passing_max);
      // Who has used up its own share holds up nobody else.
      if (turns % 2 == 0 || !caller->output_budget->Fits(waiting.output_bytes)) continue;
      if (!longest || *waiting.no_room_since < *longest->waiting().no_room_since) {
        longest = Place{caller, i};
      }
    }
  }
  return longest;
}

std::optional<BatchScheduler::Place> BatchScheduler::NextInTurn(const std::vector<Caller*>& order,
                                                                Clock::time_point now,
                                                                Clock::time_point* look_again) {
  for (Caller* caller : order) {
    for (size_t i = 0; i < caller->queue.size(); ++i) {
      Waiting& waiting = caller->queue[i];
      const Clock::time_point ripe = waiting.since + options_.delay_max;
      if (!FirstOfItsJob(caller->queue, i)) continue;
      if (!waiting.alone && now < ripe &&
          static_cast<int>(MergeableFrames(waiting)) < options_.batch_frames) {
        *look_again = std::min(*look_again, ripe);
        continue;
      }
      if (HasRoom({caller, i})) return Place{caller, i};
      if (!waiting.no_room_since) {
        waiting.no_room_since = now;
        *look_again = std::min(*look_again, now + options_.passing_max);
      }
      break;  // others pass, but nothing of the same caller
    }
  }
  return std::nullopt;
}

// Requires the lock. Null when nothing may run yet; `look_again` then says when something may.
std::unique_ptr<BatchScheduler::Execution> BatchScheduler::Pick(Clock::time_point now,
                                                                std::vector<Waiting>* dropped,
                                                                Clock::time_point* look_again) {
  DropStopped(dropped);
  const std::vector<Caller*> order = FairOrder();
  std::optional<Place> next = LongestWithoutRoom(order, now, look_again);
  if (!next) {
    next = NextInTurn(order, now, look_again);
  } else if (!HasRoom(*next)) {
    next.reset();
  }
  if (!next) return nullptr;
  auto execution = std::make_unique<Execution>();
  execution->start = now;
  Take(*next, execution.get());
  if (!execution->members[0].alone) Fill(order, execution.get());
  return execution;
}

void BatchScheduler::Take(const Place& place, Execution* execution) {
  Caller& caller = *place.caller;
  Waiting waiting = std::move(place.waiting());
  caller.queue.erase(caller.queue.begin() + static_cast<ptrdiff_t>(place.index));
  caller.output_budget->Take(waiting.output_bytes);
  waiting.hold = ByteHold(caller.output_budget, waiting.output_bytes);
  waiting.no_room_since.reset();
  virtual_time_ = std::max(virtual_time_, caller.served);
  caller.served += waiting.pixels;
  execution->frames += waiting.ticket.frames.size();
  execution->output_bytes += waiting.output_bytes;
  execution->members.push_back(std::move(waiting));
}

void BatchScheduler::Fill(const std::vector<Caller*>& order, Execution* execution) {
  const size_t frames_max = static_cast<size_t>(options_.batch_frames);
  // One from each caller in turn, so that nobody's queue fills the batch alone.
  for (bool taken = true; taken && execution->frames < frames_max;) {
    taken = false;
    for (Caller* caller : order) {
      for (size_t i = 0; i < caller->queue.size(); ++i) {
        const Waiting& waiting = caller->queue[i];
        if (waiting.no_room_since) break;
        if (waiting.alone || !Mergeable(waiting.ticket, execution->members[0].ticket) ||
            !FirstOfItsJob(caller->queue, i) ||
            execution->frames + waiting.ticket.frames.size() > frames_max ||
            execution->output_bytes + waiting.output_bytes > options_.batch_output_bytes_max() ||
            !HasRoom({caller, i})) {
          continue;
        }
        Take({caller, i}, execution);
        taken = true;
        break;
      }
    }
  }
}

void BatchScheduler::Execute(Execution* execution) {
  bool all_have_deadlines = true;
  Clock::time_point last_deadline = Clock::time_point::min();
  for (Waiting& member : execution->members) {
    if (metrics_.queue_seconds && !member.again) {
      metrics_.queue_seconds->Observe(Seconds(execution->start - member.since));
    }
    all_have_deadlines = all_have_deadlines && member.ticket.deadline.has_value();
    last_deadline = std::max(last_deadline, member.ticket.deadline.value_or(last_deadline));
  }
  if (all_have_deadlines) execution->cancel.SetDeadline(last_deadline);
  {
    const std::lock_guard lock(shared_->mutex);
    CancelUnwanted();  // a token may have stopped before this execution was known
  }
  Result<std::vector<Frame>> result =
      Guarded("compute the batch", [&] { return Compute(execution); });
  {
    const std::lock_guard lock(shared_->mutex);
    std::erase(running_, execution);
  }
  if (result.ok() && result->size() != execution->frames) {
    result = Internal("the upscaler returned " + std::to_string(result->size()) + " frames for " +
                      std::to_string(execution->frames));
  }
  Count(*execution, result.ok());
  if (result.ok()) {
    Deliver(execution, std::move(*result));
  } else {
    for (Waiting& member : execution->members) member.hold.Reset();
    Fail(execution, result.status());
  }
}

Result<std::vector<Frame>> BatchScheduler::Compute(Execution* execution) {
  OCTO_ASSIGN_OR_RETURN(const std::shared_ptr<FrameUpscaler> upscaler,
                        cache_->GetForRequest(execution->members[0].ticket.key));
  const bool merged = execution->members.size() > 1;
  std::vector<Frame> frames;
  for (Waiting& member : execution->members) {
    for (Frame& frame : member.ticket.frames) {
      // A merged batch that fails is run again one by one, so its input must survive.
      frames.push_back(merged ? frame.Clone() : std::move(frame));
    }
  }
  const Clock::time_point start = Clock::now();
  auto upscaled = upscaler->Upscale(std::move(frames), execution->cancel);
  execution->computing = Clock::now() - start;
  return upscaled;
}

void BatchScheduler::Count(const Execution& execution, bool good) const {
  if (!good) {
    if (metrics_.failed_executions) metrics_.failed_executions->Add();
    return;
  }
  const double frames = static_cast<double>(execution.frames);
  const double seconds = Seconds(execution.computing);
  if (metrics_.frames) metrics_.frames->Add(frames);
  if (metrics_.executions) metrics_.executions->Add();
  if (metrics_.merged_executions && execution.members.size() > 1) metrics_.merged_executions->Add();
  if (metrics_.inference_seconds) metrics_.inference_seconds->Observe(seconds);
  if (metrics_.speed) metrics_.speed->Add(frames, seconds);
}

void BatchScheduler::Deliver(Execution* execution, std::vector<Frame> frames) {
  auto next = frames.begin();
  for (Waiting& member : execution->members) {
    Ticket::Output output;
    const auto count = static_cast<ptrdiff_t>(member.ticket.frames.size());
    output.frames.assign(std::make_move_iterator(next), std::make_move_iterator(next + count));
    output.hold = std::move(member.hold);
    next += count;
    member.ticket.done(std::move(output));
  }
}

void BatchScheduler::Fail(Execution* execution, const Status& status) {
  const bool retry = execution->members.size() > 1 && !execution->cancel.stopped();
  if (!retry) {
    for (Waiting& member : execution->members) {
      const Status own = member.ticket.cancel.Check();
      member.ticket.done(own.ok() ? status : own);
    }
    return;
  }
  // One request's frame must not fail the others': each runs again by itself.
  for (Waiting& member : execution->members) member.alone = member.again = true;
  Requeue(std::move(execution->members));
}

void BatchScheduler::Requeue(std::vector<Waiting> members) {
  std::vector<Waiting> refused;
  {
    const std::lock_guard lock(shared_->mutex);
    // The last first, so that they stand in front in their order.
    for (auto member = members.rbegin(); member != members.rend(); ++member) {
      if (stopping_) {
        refused.push_back(std::move(*member));
      } else {
        CallerNamed(member->ticket.caller).queue.push_front(std::move(*member));
      }
    }
    shared_->changed.notify_all();
  }
  for (Waiting& member : refused) member.ticket.done(Unavailable("the worker is stopping"));
}

}  // namespace octoscale::worker
