#include "coordinator/remote_upscaler.h"

#include <algorithm>
#include <future>
#include <new>
#include <span>
#include <utility>

namespace octoscale::coordinator {
namespace {

// Runs of frames of equal size and type become one tensor each, or several within the limits.
std::vector<Tensor> TensorsOf(const std::vector<Frame>& batch, const RequestLimits& limits) {
  std::vector<Tensor> tensors;
  for (size_t first = 0; first < batch.size();) {
    const Frame& frame = batch[first];
    const auto most =
        static_cast<size_t>(limits.FramesThatFit(FrameBytes(frame.size(), frame.sample_type())));
    size_t end = first + 1;
    while (end < batch.size() && end - first < most && batch[end].size() == frame.size() &&
           batch[end].sample_type() == frame.sample_type()) {
      ++end;
    }
    tensors.push_back(TensorFromFrames(std::span(batch).subspan(first, end - first)));
    first = end;
  }
  return tensors;
}

void Append(const JobOutcome& outcome, const Tensor& sent, int scale, std::vector<Frame>* frames) {
  const std::span<const uint8_t> pixels = std::span(outcome.body).subspan(outcome.pixel_offset);
  for (Frame& frame : FramesFromTensor(pixels, sent, scale)) frames->push_back(std::move(frame));
}

// `frame`: its position in the batch of `total` frames.
Status NameFrame(const Status& status, const Tensor& tensor, size_t frame, size_t total) {
  return status.WithContext("frame " + std::to_string(frame + 1) + " of a batch of " +
                            std::to_string(total) + ", " + std::to_string(tensor.size.width) + "x" +
                            std::to_string(tensor.size.height) + " pixels, sent alone");
}

}  // namespace

Result<std::unique_ptr<RemoteUpscaler>> RemoteUpscaler::Create(
    RemoteOptions options, const std::vector<std::string>& urls,
    const std::vector<std::string>& names) {
  const int workers = static_cast<int>(urls.size());
  UpscalerInfo info;
  info.scale = options.dispatch.scale;
  info.batch_frames = options.batch_frames;
  // Some more than are on their way, for those that are packed, unpacked or wait to be written.
  info.batches_in_flight = workers * options.dispatch.batches_per_worker + std::max(2, workers / 2);
  OCTO_ASSIGN_OR_RETURN(std::unique_ptr<Dispatcher> dispatcher,
                        Dispatcher::Create(std::move(options.dispatch), urls, names));
  return std::unique_ptr<RemoteUpscaler>(
      new RemoteUpscaler(std::move(dispatcher), std::move(info)));
}

Status RemoteUpscaler::WaitReady(const CancelToken& cancel) {
  OCTO_ASSIGN_OR_RETURN(const WorkerIdentity identity, dispatcher_->WaitReady(cancel));
  info_.model = identity.model;
  info_.fingerprint = identity.fingerprint;
  return OkStatus();
}

Result<std::vector<Frame>> RemoteUpscaler::Upscale(std::vector<Frame> batch,
                                                   const CancelToken& cancel) {
  try {
    const size_t total = batch.size();
    const std::vector<Tensor> tensors = TensorsOf(batch, dispatcher_->Limits());
    batch.clear();
    std::vector<Frame> frames;
    frames.reserve(total);
    OCTO_RETURN_IF_ERROR(RunTensors(tensors, cancel, &frames));
    return frames;
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("out of memory for a batch; use smaller batches or fewer workers");
  }
}

Status RemoteUpscaler::RunTensors(const std::vector<Tensor>& tensors, const CancelToken& cancel,
                                  std::vector<Frame>* frames) {
  size_t total = 0;
  std::vector<std::future<JobOutcome>> outcomes;
  for (const Tensor& tensor : tensors) {
    total += static_cast<size_t>(tensor.frames);
    outcomes.push_back(dispatcher_->Submit(tensor, cancel));
  }
  for (size_t i = 0; i < tensors.size(); ++i) {
    const JobOutcome outcome = outcomes[i].get();
    if (outcome.status.ok()) {
      Append(outcome, tensors[i], info_.scale, frames);
    } else if (!outcome.batch_failed) {
      return outcome.status;
    } else if (tensors[i].frames == 1) {
      return NameFrame(outcome.status, tensors[i], frames->size(), total);
    } else {
      OCTO_RETURN_IF_ERROR(RunSingly(tensors[i], frames->size(), total, cancel, frames));
    }
  }
  return OkStatus();
}

// `first`: position of the tensor's first frame in the batch of `total` frames.
Status RemoteUpscaler::RunSingly(const Tensor& tensor, size_t first, size_t total,
                                 const CancelToken& cancel, std::vector<Frame>* frames) {
  std::vector<std::future<JobOutcome>> outcomes;
  for (int i = 0; i < tensor.frames; ++i) {
    outcomes.push_back(dispatcher_->Submit(tensor.Single(i), cancel));
  }
  for (int i = 0; i < tensor.frames; ++i) {
    const JobOutcome outcome = outcomes[static_cast<size_t>(i)].get();
    if (!outcome.status.ok()) {
      if (!outcome.batch_failed) return outcome.status;
      return NameFrame(outcome.status, tensor, first + static_cast<size_t>(i), total);
    }
    Append(outcome, tensor.Single(i), info_.scale, frames);
  }
  return OkStatus();
}

}  // namespace octoscale::coordinator
