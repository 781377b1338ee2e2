// Where a worker's upscalers come from: the real engine, a simulated one, a test double.
#pragma once

#include <compare>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "frame/frame_upscaler.h"

namespace octoscale::worker {

// What makes one upscaler differ from another. patch_size changes memory and speed, never pixels.
struct UpscalerKey {
  std::string model;  // canonical name
  int scale = 0;
  int patch_size = 0;  // 0: automatic; of requests one of a few steps, see Resolve()
  auto operator<=>(const UpscalerKey&) const = default;
};

struct ServedModel {
  std::string name;
  std::vector<std::string> aliases;  // lower case
  std::vector<int> scales;           // ascending, at least one
};

// Thread-safe.
class UpscalerProvider {
 public:
  virtual ~UpscalerProvider() = default;

  // Never changes.
  virtual const std::vector<ServedModel>& models() const = 0;
  // Threads that its upscalers compute with.
  virtual int threads() const = 0;
  // May take seconds. The key's model and scale are among models().
  virtual Result<std::shared_ptr<FrameUpscaler>> Make(const UpscalerKey& key) = 0;
};

// A model by name or alias, whatever the case and with '_' for '-'; null when there is none.
const ServedModel* FindModel(const std::vector<ServedModel>& models, const std::string& name);

}  // namespace octoscale::worker
