// The JSON head of inference requests on hostile bytes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "worker/infer_header.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto header = octoscale::worker::ParseInferHeader(
      std::string_view(reinterpret_cast<const char*>(data), size));
  const auto require = [](bool condition) {
    if (!condition) std::abort();
  };
  if (header.problem) {
    require(header.problem->status == 400 || header.problem->status == 422);
    require(!octoscale::http::ToResponse(*header.problem).body.empty());
    return 0;
  }
  const auto& request = header.request;
  require(request.frames >= 1 && request.size.width >= 1 && request.size.height >= 1);
  require(request.size.width <= octoscale::kFrameSideMax);
  require(request.size.height <= octoscale::kFrameSideMax);
  require(request.frame_bytes() * static_cast<uint64_t>(request.frames) > 0);
  octoscale::worker::MakeInferAnswer(request, {"m", 4, 0}, request.size, "fingerprint");
  return 0;
}
