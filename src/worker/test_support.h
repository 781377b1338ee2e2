// What the worker's tests share: an upscaler that the test controls, request bodies, a ZIP reader.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "frame/frame_upscaler.h"
#include "worker/upscaler_provider.h"

namespace octoscale::worker {

// Repeats pixels. Records every batch; may be held back, made slow or made to fail.
class FakeUpscaler : public FrameUpscaler {
 public:
  explicit FakeUpscaler(UpscalerInfo info) : info_(std::move(info)) {}

  const UpscalerInfo& info() const override { return info_; }

  Result<std::vector<Frame>> Upscale(std::vector<Frame> batch, const CancelToken& cancel) override {
    std::function<Status(const std::vector<Frame>&)> fail;
    {
      std::unique_lock lock(mutex_);
      batches_.push_back(batch.size());
      changed_.notify_all();
      while (held_ && !cancel.stopped()) changed_.wait_for(lock, std::chrono::milliseconds(1));
      fail = fail_;
    }
    const Status status = cancel.Check();
    if (!status.ok()) {
      const std::lock_guard lock(mutex_);
      ++cancelled_;
      changed_.notify_all();
      return status;
    }
    if (fail) OCTO_RETURN_IF_ERROR(fail(batch));
    std::vector<Frame> out;
    for (const Frame& frame : batch) out.push_back(Enlarge(frame, info_.scale));
    return out;
  }

  static Frame Enlarge(const Frame& in, int scale) {
    Frame out({in.width() * scale, in.height() * scale}, in.sample_type());
    const int bytes = SampleBytes(in.sample_type());
    for (int plane = 0; plane < Frame::kPlanes; ++plane) {
      for (int y = 0; y < out.height(); ++y) {
        for (int x = 0; x < out.width(); ++x) {
          std::memcpy(out.row(plane, y) + x * bytes, in.row(plane, y / scale) + x / scale * bytes,
                      static_cast<size_t>(bytes));
        }
      }
    }
    return out;
  }

  // Batches begin and then wait.
  void Hold() {
    Set([this] { held_ = true; });
  }
  void LetGo() {
    Set([this] { held_ = false; });
  }
  void FailWhen(std::function<Status(const std::vector<Frame>&)> fail) {
    Set([&] { fail_ = std::move(fail); });
  }
  bool WaitForBatches(size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20),
                             [&] { return batches_.size() >= count; });
  }
  bool WaitForCancelled(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return cancelled_ >= count; });
  }
  std::vector<size_t> batches() const {
    const std::lock_guard lock(mutex_);
    return batches_;
  }

 private:
  template <typename Change>
  void Set(Change change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }

  const UpscalerInfo info_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<size_t> batches_;  // frames of each
  std::function<Status(const std::vector<Frame>&)> fail_;
  bool held_ = false;
  int cancelled_ = 0;
};

class FakeProvider : public UpscalerProvider {
 public:
  FakeProvider() { models_ = {{"fake", {"alias"}, {2, 3, 4}}, {"other", {}, {4}}}; }

  const std::vector<ServedModel>& models() const override { return models_; }
  int threads() const override { return 1; }
  Result<std::shared_ptr<FrameUpscaler>> Make(const UpscalerKey& key) override {
    const std::lock_guard lock(mutex_);
    ++made_;
    if (on_make_) on_make_();
    if (!make_error_.ok()) return make_error_;
    UpscalerInfo info;
    info.model = key.model;
    info.scale = key.scale;
    info.fingerprint = "fake " + key.model + " x" + std::to_string(key.scale);
    auto& upscaler = upscalers_[key];
    if (!upscaler) upscaler = std::make_shared<FakeUpscaler>(std::move(info));
    return std::shared_ptr<FrameUpscaler>(upscaler);
  }

  // The upscaler of this scale of "fake", made if need be.
  FakeUpscaler& At(int scale) {
    static_cast<void>(Make({"fake", scale, 0}));
    const std::lock_guard lock(mutex_);
    return *upscalers_.at({"fake", scale, 0});
  }
  void SetMakeError(Status status) {
    const std::lock_guard lock(mutex_);
    make_error_ = std::move(status);
  }
  // Called by Make(); may throw.
  void OnMake(std::function<void()> on_make) {
    const std::lock_guard lock(mutex_);
    on_make_ = std::move(on_make);
  }
  int made() const {
    const std::lock_guard lock(mutex_);
    return made_;
  }

 private:
  std::vector<ServedModel> models_;
  mutable std::mutex mutex_;
  std::map<UpscalerKey, std::shared_ptr<FakeUpscaler>> upscalers_;
  Status make_error_;
  std::function<void()> on_make_;
  int made_ = 0;
};

// A small picture whose pixels tell `seed`.
inline Frame TestFrame(int width, int height, int seed, SampleType type = SampleType::kU8) {
  Frame frame({width, height}, type);
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const int value = (x * 7 + y * 13 + plane * 50 + seed * 31) % 256;
        if (type == SampleType::kU8) {
          frame.row(plane, y)[x] = static_cast<uint8_t>(value);
        } else {
          frame.row16(plane, y)[x] = static_cast<uint16_t>(value * 257);
        }
      }
    }
  }
  return frame;
}

struct FormPart {
  std::string name;
  std::optional<std::string> filename;
  std::string content;
};

inline std::string FormBody(const std::vector<FormPart>& parts) {
  std::string body;
  for (const FormPart& part : parts) {
    body += "--frontier\r\nContent-Disposition: form-data; name=\"" + part.name + "\"";
    if (part.filename) body += "; filename=\"" + *part.filename + "\"";
    body += "\r\n\r\n" + part.content + "\r\n";
  }
  return body + "--frontier--\r\n";
}

// Name and content of each entry of a ZIP of stored entries, by its central directory; empty when
// local and central headers disagree.
inline std::vector<std::pair<std::string, std::string>> ReadStoredZip(const std::string& zip) {
  const auto read = [&](size_t at, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = bytes; i-- > 0;) {
      value = value << 8 | (at + i < zip.size() ? static_cast<uint8_t>(zip[at + i]) : 0);
    }
    return value;
  };
  std::vector<std::pair<std::string, std::string>> entries;
  if (zip.size() < 22 || read(zip.size() - 22, 4) != 0x06054b50) return entries;
  size_t at = read(zip.size() - 6, 4);
  for (uint64_t left = read(zip.size() - 12, 2); left > 0; --left) {
    const size_t size = read(at + 24, 4);
    const size_t name_size = read(at + 28, 2);
    const std::string name = zip.substr(at + 46, name_size);
    const size_t local = read(at + 42, 4);
    if (read(local, 4) != 0x04034b50 || zip.substr(local + 30, name_size) != name ||
        read(local + 22, 4) != size || read(local + 8, 2) != 0) {
      return {};
    }
    entries.emplace_back(name, zip.substr(local + 30 + name_size + read(local + 28, 2), size));
    at += 46 + name_size + read(at + 30, 2) + read(at + 32, 2);
  }
  return entries;
}

}  // namespace octoscale::worker
