// Frames on the wire: KServe v2 inference requests and answers with the binary tensor extension
// (Open Inference Protocol V2), one tensor "frames" of [N, height, width, 3].
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/status.h"
#include "frame/frame.h"
#include "http/client.h"

namespace octoscale::coordinator {

// A batch of equal frames as interleaved RGB, little-endian samples. The pixels are shared and
// never change.
struct Tensor {
  int frames = 0;
  FrameSize size;
  SampleType type = SampleType::kU8;
  std::shared_ptr<const AlignedBuffer<uint8_t>> pixels;
  size_t offset = 0;  // of the first frame, bytes

  size_t frame_bytes() const { return FrameBytes(size, type); }
  size_t size_bytes() const { return frame_bytes() * static_cast<size_t>(frames); }
  std::span<const uint8_t> bytes() const { return {pixels->data() + offset, size_bytes()}; }
  // Frame `index` alone; shares the pixels.
  Tensor Single(int index) const;
};

// All frames have one size and sample type. Throws std::bad_alloc when memory is short.
Tensor TensorFromFrames(std::span<const Frame> frames);

// What a worker must be and give.
struct Expected {
  std::string model;  // canonical name
  int scale = 0;
  std::string fingerprint;
};

// "UINT8" or "UINT16".
std::string_view TensorTypeName(SampleType type);

// The JSON in front of the tensor's bytes.
std::string InferRequestJson(const Tensor& tensor, int scale, int patch_size);

// Why an answer was not taken.
enum class AnswerFault {
  kNone,
  kNotOurs,  // another model, scale or fingerprint: this worker is of no use
  kGarbage,  // breaks the protocol, or has the wrong number of bytes
};

struct InferAnswer {
  AnswerFault fault = AnswerFault::kNone;
  std::string reason;       // of a fault: what was expected, what was found
  size_t pixel_offset = 0;  // in the body
};

// Checks a 200 against what was sent: content type, model, fingerprint, shape, and every length.
InferAnswer CheckInferAnswer(const http::ClientAnswer& answer, const Tensor& sent,
                             const Expected& expected);

// The upscaled frames. `pixels`: N frames of scale x the size that was sent.
std::vector<Frame> FramesFromTensor(std::span<const uint8_t> pixels, const Tensor& sent, int scale);

// The largest request that workers take.
struct RequestLimits {
  int frames_max = std::numeric_limits<int>::max();
  uint64_t body_bytes_max = std::numeric_limits<uint64_t>::max();

  // Frames of `frame_bytes` that fit into one request; 1 when not even that does.
  int FramesThatFit(size_t frame_bytes) const;
  // What both take.
  void Narrow(const RequestLimits& other);
};

// What GET /v2/models/{model}?scale=N says about a worker.
struct WorkerIdentity {
  std::string model;  // canonical name
  std::string version;
  std::string fingerprint;
  RequestLimits limits;
};
// Errors: Unsupported (this is no worker of ours, or it lacks the scale), CorruptInput (the answer
// breaks the protocol).
Result<WorkerIdentity> ParseModelInfo(std::span<const uint8_t> json, int scale);

// The one sentence in a problem document (RFC 9457) that says what went wrong; else the beginning
// of the body, made printable.
std::string ProblemDetail(const http::ClientAnswer& answer);

// "HTTP 503: the queue is full": the status, and ProblemDetail() if there is one.
std::string StatusText(const http::ClientAnswer& answer);

}  // namespace octoscale::coordinator
