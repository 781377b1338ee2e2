// RemoteUpscaler: many workers over HTTP as one FrameUpscaler.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "coordinator/dispatcher.h"
#include "frame/frame_upscaler.h"

namespace octoscale::coordinator {

struct RemoteOptions {
  DispatcherOptions dispatch;
  int batch_frames = 8;  // of one request, when the workers take so many
};

// Frames come back as the same engine would give them in this process, bit for bit. Memory: each
// concurrent Upscale() holds its batch once as it is sent and once as it comes back.
class RemoteUpscaler : public FrameUpscaler {
 public:
  // `urls` and `names` as for Dispatcher::Create. Usable after WaitReady().
  static Result<std::unique_ptr<RemoteUpscaler>> Create(RemoteOptions options,
                                                        const std::vector<std::string>& urls,
                                                        const std::vector<std::string>& names);

  // Waits for the first worker; fills info(). Errors: those of Dispatcher::WaitReady.
  Status WaitReady(const CancelToken& cancel);

  const UpscalerInfo& info() const override { return info_; }

  // A batch larger than Dispatcher::Limits() goes out in parts. One that fails on several workers
  // is sent again as single frames; the message names the frame that fails alone too. Errors:
  // Unavailable when no worker was there for long, Internal for a frame that no worker could do,
  // Cancelled, DeadlineExceeded, ResourceExhausted.
  Result<std::vector<Frame>> Upscale(std::vector<Frame> batch, const CancelToken& cancel) override;

  Dispatcher& dispatcher() { return *dispatcher_; }
  std::vector<WorkerReport> Reports() const { return dispatcher_->Reports(); }

 private:
  RemoteUpscaler(std::unique_ptr<Dispatcher> dispatcher, UpscalerInfo info)
      : dispatcher_(std::move(dispatcher)), info_(std::move(info)) {}
  Status RunTensors(const std::vector<Tensor>& tensors, const CancelToken& cancel,
                    std::vector<Frame>* frames);
  Status RunSingly(const Tensor& tensor, size_t first, size_t total, const CancelToken& cancel,
                   std::vector<Frame>* frames);

  const std::unique_ptr<Dispatcher> dispatcher_;
  UpscalerInfo info_;
};

}  // namespace octoscale::coordinator
