// The JSON head of a KServe v2 inference request with the binary tensor extension, and of its
// answer (Open Inference Protocol V2; extension: Inference-Header-Content-Length).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "frame/frame.h"
#include "http/problem.h"
#include "worker/request_options.h"

namespace octoscale::worker {

constexpr size_t kInferHeaderBytesMax = 64 * 1024;

// One input: "frames", UINT8 or UINT16 (little-endian), [frames, height, width, 3], all bytes after
// the JSON.
struct InferRequest {
  std::string id;  // echoed; may be empty
  int frames = 0;
  FrameSize size;
  SampleType type = SampleType::kU8;
  RequestOptions options;
  uint64_t frame_bytes() const {
    return uint64_t{3} * static_cast<uint64_t>(size.width) * static_cast<uint64_t>(size.height) *
           static_cast<uint64_t>(SampleBytes(type));
  }
};

struct InferHeader {
  InferRequest request;
  std::optional<http::Problem> problem;  // 400: not this protocol; 422: asks for what can't be
};
// Never throws; sizes are only known to be 1..kFrameSideMax and frames >= 1.
InferHeader ParseInferHeader(std::string_view json);

// The answer's JSON: one output "frames" of `size`, its bytes after the JSON.
std::string MakeInferAnswer(const InferRequest& request, const UpscalerKey& key, FrameSize size,
                            std::string_view fingerprint);

}  // namespace octoscale::worker
