// EncoderThread: pictures handed over to a thread that encodes them, through a bounded queue.
#pragma once

#include <functional>
#include <mutex>
#include <thread>

#include "base/status.h"
#include "pipeline/bounded_queue.h"
#include "video/picture.h"

namespace octoscale {

class EncoderThread {
 public:
  using Encode = std::function<Status(Picture)>;

  // `encode` runs on the thread, picture after picture, until its first error. A thread that can't
  // be started is such an error: ResourceExhausted.
  EncoderThread(Encode encode, int queue_frames_max, size_t queue_bytes_max);
  // Drops what waits and ends the thread.
  ~EncoderThread();

  // By one thread. Waits for room; the error of `encode` once there was one.
  Status Push(Picture picture);
  // Waits until everything is encoded.
  Status Finish();

 private:
  void Run();
  Status Error();

  Encode encode_;
  BoundedQueue<Picture> queue_;
  std::mutex mutex_;
  Status error_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace octoscale
