// One request on its way through the scheduler: batches are submitted no faster than their results
// can leave (at most two at a time are computed, encoded or wait for an earlier one); results come
// out in order, whatever order they were encoded in.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "frame/frame.h"
#include "http/message.h"
#include "worker/batch_scheduler.h"
#include "worker/task_pool.h"

namespace octoscale::worker {

// Frames that belong together (a picture and its alpha), and what becomes of their results.
struct JobUnit {
  std::vector<Frame> frames;
  uint64_t side_bytes = 0;  // of what `encode` holds besides
  // Turns the upscaled frames into bytes; runs on the pool, may be slow.
  std::function<Result<http::BodyPiece>(std::vector<Frame>)> encode;
};

// Thread-safe.
class UpscaleJob : public std::enable_shared_from_this<UpscaleJob> {
 public:
  struct Options {
    UpscalerKey key;
    std::string caller;
    // A ticket ends before it has more than these; one unit may be larger.
    size_t batch_frames = 8;
    uint64_t batch_output_bytes_max = 512u << 20;
    size_t unsent_bytes_max = 32u << 20;  // no further batch is submitted above
    std::optional<std::chrono::steady_clock::time_point> deadline;
  };
  // Called one at a time, from any thread, never after Cancel() has returned.
  struct Sink {
    std::function<void(size_t unit, http::BodyPiece bytes)> on_output;  // in order
    std::function<void()> on_done;
    std::function<void(size_t unit, Status status)> on_error;  // the last call
    // Inputs have been upscaled and freed, in any order: so many frames and their bytes.
    std::function<void(size_t frames, uint64_t bytes)> on_frames_done;
  };

  UpscaleJob(Options options, BatchScheduler* scheduler, TaskPool* pool, CancelToken cancel,
             Sink sink);

  void Start(std::vector<JobUnit> units);
  // The token is stopped, and nothing is called any more.
  void Cancel();
  // How much of what on_output gave still waits for the peer.
  void SetUnsentBytes(size_t bytes);

 private:
  struct Unit {
    JobUnit input;
    uint64_t input_bytes = 0;  // of its frames
    bool ready = false;
    http::BodyPiece output;
  };

  void SubmitMore();
  Ticket NextTicket();
  void OnTicketDone(size_t first, size_t count, Result<Ticket::Output> result);
  void EncodeUnit(size_t index, std::vector<Frame> frames, std::shared_ptr<ByteHold> hold);
  void Fail(size_t index, const Status& status);
  void EmitReady();

  const Options options_;
  BatchScheduler* const scheduler_;
  TaskPool* const pool_;
  const CancelToken cancel_;

  std::mutex mutex_;
  Sink sink_;
  bool ended_ = false;
  std::vector<Unit> units_;
  size_t next_submit_ = 0;
  size_t next_emit_ = 0;
  std::deque<size_t> ticket_ends_;  // of tickets not yet emitted: the unit after the last
  size_t unsent_bytes_ = 0;
};

}  // namespace octoscale::worker
