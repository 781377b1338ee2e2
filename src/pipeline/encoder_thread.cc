#include "pipeline/encoder_thread.h"

#include <exception>
#include <new>
#include <string>
#include <utility>

#include "pipeline/start_thread.h"

namespace octoscale {

EncoderThread::EncoderThread(Encode encode, int queue_frames_max, size_t queue_bytes_max)
    : encode_(std::move(encode)), queue_(static_cast<size_t>(queue_frames_max), queue_bytes_max) {
  if (Result<std::thread> thread = StartThread([this] { Run(); }); thread.ok()) {
    thread_ = std::move(thread).value();
  } else {
    error_ = thread.status();
    queue_.Cancel();
  }
}

EncoderThread::~EncoderThread() {
  queue_.Cancel();
  if (thread_.joinable()) thread_.join();
}

void EncoderThread::Run() {
  Status status;
  try {
    while (std::optional<Picture> picture = queue_.Pop()) {
      status = encode_(std::move(*picture));
      if (!status.ok()) break;
    }
  } catch (const std::bad_alloc&) {
    status = ResourceExhausted("out of memory while encoding");
  } catch (const std::exception& e) {
    status = Internal(std::string("encoding: ") + e.what());
  }
  if (status.ok()) return;
  {
    const std::lock_guard lock(mutex_);
    error_ = status;
  }
  queue_.Cancel();
}

Status EncoderThread::Error() {
  const std::lock_guard lock(mutex_);
  return error_;
}

Status EncoderThread::Push(Picture picture) {
  const size_t bytes = picture.size_bytes();
  if (queue_.Push(std::move(picture), bytes)) return OkStatus();
  OCTO_RETURN_IF_ERROR(Error());
  return Internal("a frame came after the end of the video");
}

Status EncoderThread::Finish() {
  queue_.Close();
  if (thread_.joinable()) thread_.join();
  return Error();
}

}  // namespace octoscale
